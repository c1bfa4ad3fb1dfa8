// An edge in a network as real processes: it serves by control's snapshot with control and without,
// and what it settled is at control exactly once, whoever is killed when.
import {cpSync, rmSync} from 'node:fs';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {ask} from '../harness/control.ts';
import {type Engine, startEngine} from '../harness/edge.ts';
import {checkJournal} from '../harness/journal.ts';
import {askPlain, FAST, loadUntilDeath, randomFrom, type Sight} from '../harness/load.ts';
import {centralUsage, change, type Member, metricsOf, restartControl, startMember, startNetwork} from '../harness/member.ts';
import {cleanUp, tdn, tempFolder} from '../harness/process.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine({simulated: FAST});
});
afterAll(cleanUp);

const network = () => startNetwork({endpoints: [{name: 'frankfurt-1', kind: 'tdn', url: engine.url, as: engine.model}]});
const tenant = (name: string) => ({apiVersion: 'tdn/v1', kind: 'Tenant', metadata: {name}, spec: {}});
const dying = (point: string) => ({under: ['env', `TDN_FAILPOINT=${point}`]});

async function ask5(member: Member): Promise<void> {
  for (let i = 0; i < 5; ++i) {
    expect(await askPlain(member, 3)).toMatchObject({finished: true});
  }
}

// What the books of the edge hold in all, pruned or not, with the edge at rest.
function recordsOf(state: string): number {
  const check = tdn(['journal', 'check', state]);
  expect(check.status, check.stdout + check.stderr).toBe(0);
  return Number(check.stdout.match(/epoch \d+, (\d+) records/)![1]);
}

describe('a member', () => {
  test('serves by control’s snapshot, and its usage is there', async () => {
    const joined = await network();
    const member = await startMember(joined);
    await ask5(member);
    expect(await centralUsage(joined)).toEqual({requests: 5, output: 15, late: []});
    expect((await metricsOf(member)).get('tdn_control_connected')).toBe(1);
    expect((await member.process.end()).code).toBe(0);
    checkJournal(member.state);
  });

  test('takes nothing new once it has not heard of control for as long as its snapshot says, and all again when it has', async () => {
    const joined = await network();
    await joined.control.process.end();
    await restartControl(joined, {extra: ['--valid-for', '5']});
    const member = await startMember(joined);
    await ask5(member);
    await joined.control.process.end('SIGKILL');
    let sight = await askPlain(member, 3);
    while (sight.finished) {
      sight = await askPlain(member, 3);
    }
    expect(sight.error).toBe('quota_unavailable');
    const ready = await fetch(`${member.admin}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([503, expect.stringMatching(/control/)]);
    await restartControl(joined, {extra: ['--valid-for', '5']});
    await member.process.said(/control was heard again: admitting requests/);
    await ask5(member);
  });

  test('serves on while control is away, starts without it, and brings all of it later', async () => {
    const joined = await network();
    let member = await startMember(joined);
    await ask5(member);
    await joined.control.process.end('SIGKILL');
    await ask5(member);
    await member.process.end();
    member = await startMember(joined, {state: member.state});
    await ask5(member);
    await restartControl(joined);
    await member.process.said(/control answers again/);
    expect(await centralUsage(joined)).toEqual({requests: 15, output: 45, late: []});
  });

  test('acknowledges a hundred changes under load and drops no request', async () => {
    const joined = await network();
    const member = await startMember(joined);
    let changing = true;
    let served = 0;
    const client = async () => {
      while (changing) {
        const sight = await askPlain(member, 2);
        expect(sight.finished, sight.error).toBe(true);
        ++served;
      }
    };
    const clients = [client(), client(), client()];
    for (let i = 0; i < 100; ++i) {
      expect((await change(joined, [tenant(`t${i}`)])).acknowledged).toEqual(['frankfurt']);
    }
    changing = false;
    await Promise.all(clients);
    expect(served).toBeGreaterThan(20);
    const central = await centralUsage(joined);
    expect(central.requests).toBe(served);
  });

  test('lets a key in as soon as it is issued, and no longer once it is revoked', async () => {
    const joined = await network();
    const member = await startMember(joined);
    const issued = await ask(joined.control, 'POST', '/api/v1/keys/demo/playground/other/issue', {});
    expect(issued.body.acknowledged).toEqual(['frankfurt']);
    const other = {...member, key: issued.body.key as string};
    expect((await askPlain(other, 2)).finished).toBe(true);
    expect((await ask(joined.control, 'POST', '/api/v1/keys/demo/playground/other/revoke', {})).body.acknowledged).toEqual(['frankfurt']);
    expect((await askPlain(other, 2)).error).toBe('invalid_api_key');
  });
});

describe('books that were copied', () => {
  test('and put back begin a new epoch; what control has stays once', async () => {
    const joined = await network();
    let member = await startMember(joined);
    await ask5(member);
    await member.process.end();
    const backup = path.join(tempFolder('backup'), 'state');
    cpSync(member.state, backup, {recursive: true});
    member = await startMember(joined, {state: member.state});
    await ask5(member);
    expect((await centralUsage(joined)).requests).toBe(10);
    await member.process.end();
    rmSync(member.state, {recursive: true});
    cpSync(backup, member.state, {recursive: true});
    await expect(startMember(joined, {state: member.state})).rejects.toThrow('ended (75)');
    member = await startMember(joined, {state: member.state});
    await ask5(member);
    expect(await centralUsage(joined)).toMatchObject({requests: 15, late: []});
  });

  test('and run twice are put under quarantine; both serve on', async () => {
    const joined = await network();
    const member = await startMember(joined);
    await ask5(member);
    await centralUsage(joined);
    const copy = path.join(tempFolder('clone'), 'state');
    cpSync(member.state, copy, {recursive: true});
    const clone = await startMember(joined, {state: copy});
    await ask5(clone);
    await ask5(member);
    await Promise.race([member.process.said(/no longer uploaded/), clone.process.said(/no longer uploaded/)]);
    await ask5(member);
    await ask5(clone);
  });
});

describe('kill -9', () => {
  const points = ['books.before_write', 'books.after_sync_before_release', 'books.before_ack_frame:2', 'books.after_ack_frame:2',
    'agent.before_ack:3', 'agent.after_ack:3', 'agent.after_fetch', 'agent.after_persist', 'books.after_next_segment'];

  test('of the edge at every place and at random, of control between: each record is there once', async () => {
    const joined = await network();
    const random = randomFrom(11);
    const finished: Sight[] = [];
    const state = path.join(tempFolder('member'), 'state');
    for (let round = 0; round < 3 * points.length; ++round) {
      const point = points[round % points.length];
      let member: Member;
      try {
        member = await startMember(joined, {state, ...dying(point)});
      } catch {
        member = await startMember(joined, {state}); // died before it served
      }
      const load = loadUntilDeath(member, 4, {longest: 20, most: 100_000});
      const changes = change(joined, [tenant(`t${round}`)]).catch(() => undefined);
      if (random(3) === 0) {
        await joined.control.process.end('SIGKILL');
        await restartControl(joined);
      }
      const timer = setTimeout(() => member.process.child.kill('SIGKILL'), 200 + random(400));
      finished.push(...(await load).filter((sight) => sight.finished));
      clearTimeout(timer);
      await member.process.end('SIGKILL');
      await changes;
    }
    const last = await startMember(joined, {state});
    await last.process.said(/"serving"/);
    const central = await centralUsage(joined);
    await last.process.end();
    checkJournal(last.state);
    expect(central.late).toEqual([]);
    expect(central.requests).toBe(recordsOf(last.state));
    expect(central.requests).toBeGreaterThanOrEqual(finished.length);
    expect(finished.length).toBeGreaterThan(100);
  }, 240_000);
});
