// Control as a real process: what was answered is there after kill -9 at every named place and at
// random moments, and every uploaded record is there exactly once.
import {copyFileSync, existsSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {afterAll, describe, expect, test} from 'vitest';
import {apply, ask, type Control, PlayedEdge, startControl} from '../harness/control.ts';
import {cleanUp, fileAppears, tdn, tempFolder} from '../harness/process.ts';

afterAll(cleanUp);

const tenant = (name: string, more = '') => `apiVersion: tdn/v1\nkind: Tenant\nmetadata: {name: ${name}}\nspec: {${more}}\n`;
const dying = (point: string) => ['env', `TDN_FAILPOINT=${point}`];

async function usage(control: Control): Promise<{requests: number; output: number}> {
  const {status, body} = await ask(control, 'GET', '/api/v1/usage?by=model');
  expect(status).toBe(200);
  const row = body.rows[0];
  return row ? {requests: Number(row.requests), output: Number(row.tokens.output)} : {requests: 0, output: 0};
}

describe('files', () => {
  test('are their owner’s alone, and no second process takes them', async () => {
    const control = await startControl();
    await fileAppears(path.join(control.state, 'published'), 20_000); // behind the commit, not with it
    for (const name of ['control.db', 'control.db-wal', 'signing-key', 'operator-token', 'network-secret', 'user-secret', 'published']) {
      expect(statSync(path.join(control.state, name)).mode & 0o777, name).toBe(0o600);
    }
    const second = tdn(['control', '--state', control.state, '--listen', '127.0.0.1:0']);
    expect(second.status).toBe(1);
    expect(second.stderr).toContain('control.db has another owner');
    expect(tdn(['get', 'tenants', '--state', control.state])).toMatchObject({status: 0, stderr: 'there are no tenants\n'});
    expect((await control.process.end()).code).toBe(0);
  });

  test('nodes are read again on SIGHUP', async () => {
    const control = await startControl();
    const edge = new PlayedEdge('frankfurt', 'the-secret-of-frankfurt');
    await expect(edge.upload(control)).rejects.toThrow('invalid_node_secret');
    const sha256 = (await import('node:crypto')).createHash('sha256').update(edge.secret).digest('hex');
    writeFileSync(path.join(control.state, 'nodes.json'), JSON.stringify({nodes: [{site: 'frankfurt', sha256}]}));
    control.process.child.kill('SIGHUP');
    await control.process.said(/nodes read again/);
    expect(await edge.upload(control)).toBe(true);
  });
});

describe('changes', () => {
  test('that were answered survive kill -9 at any moment', async () => {
    const state = tempFolder('control');
    let answered = 0;
    for (let round = 0; round < 12; ++round) {
      const control = await startControl({state});
      const {body} = await ask(control, 'GET', '/api/v1/tenants');
      const names = new Set(body.items.map((one: {metadata: {name: string}}) => one.metadata.name));
      for (let i = 0; i < answered; ++i) {
        expect(names.has(`t${i}`), `t${i} after round ${round}`).toBe(true);
      }
      answered = Math.max(answered, names.size); // one more may have been committed than was answered
      const killAfter = 1 + Math.floor(Math.random() * 8);
      let done = 0;
      try {
        for (;;) {
          const applying = apply(control, tenant(`t${answered}`));
          if (done === killAfter) {
            void control.process.end('SIGKILL');
          }
          expect((await applying).status).toBe(200);
          ++answered;
          ++done;
        }
      } catch (error) {
        expect(String(error)).toContain('fetch failed');
      }
      await control.process.exited;
    }
    expect(answered).toBeGreaterThan(12);
  });

  test('made after a backup that is put back get a new control epoch', async () => {
    const control = await startControl();
    const first = await apply(control, tenant('kept'));
    await control.process.end();
    copyFileSync(path.join(control.state, 'control.db'), path.join(control.state, 'backup'));
    expect(existsSync(path.join(control.state, 'control.db-wal'))).toBe(false);
    const second = await startControl({state: control.state});
    const lost = await apply(second, tenant('lost'));
    expect(lost.body.snapshot).toEqual({controlEpoch: '1', version: String(Number(first.body.snapshot.version) + 1)});
    await second.process.end();
    copyFileSync(path.join(control.state, 'backup'), path.join(control.state, 'control.db'));
    const third = await startControl({state: control.state});
    expect((await ask(third, 'GET', '/api/v1/network')).body.snapshot.controlEpoch).toBe('2');
    expect((await ask(third, 'GET', '/api/v1/tenants/lost')).status).toBe(404);
    expect((await ask(third, 'GET', '/api/v1/tenants/kept')).status).toBe(200);
  });
});

describe('uploads', () => {
  // Uploads until control dies, over and over, on one state; at last all must be there once.
  async function rounds(count: number, under: (round: number) => string[] | undefined, kill: boolean): Promise<void> {
    const state = tempFolder('control');
    const edge = new PlayedEdge('frankfurt', 'the-secret-of-frankfurt');
    const nodes = {frankfurt: edge.secret};
    let deaths = 0;
    for (let round = 0; round < count; ++round) {
      const control = await startControl({state, nodes, under: under(round)});
      const before = await usage(control);
      expect(before.requests, `round ${round}`).toBeGreaterThanOrEqual(edge.acked);
      expect(before.requests).toBeLessThanOrEqual(edge.settled);
      const killAt = Math.floor(Math.random() * 12);
      for (let i = 0; i < 40; ++i) {
        for (let settled = Math.floor(Math.random() * 5); settled > 0; --settled) {
          edge.settle(1 + Math.floor(Math.random() * 100));
        }
        edge.settle(1);
        const uploading = edge.upload(control, Math.floor(Math.random() * 3));
        if (kill && i === killAt) {
          control.process.child.kill('SIGKILL');
        }
        if (!(await uploading)) {
          ++deaths;
          break;
        }
      }
      await control.process.end('SIGKILL');
    }
    expect(deaths).toBe(count);
    const control = await startControl({state, nodes});
    while (edge.acked < edge.settled) {
      expect(await edge.upload(control)).toBe(true);
    }
    expect(await usage(control)).toEqual({requests: edge.settled, output: edge.output});
    await control.process.end();
  }

  test('are taken once through death before the commit', () => rounds(17, (round) => dying(`control.before_commit:${(round % 5) + 1}`), false), 120_000);
  test('are taken once through death between commit and answer', () => rounds(17, (round) => dying(`control.after_commit:${(round % 5) + 1}`), false), 120_000);
  test('are taken once through death at random', () => rounds(16, () => undefined, true), 120_000);
});
