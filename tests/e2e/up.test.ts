// `tdn up`: one command to a serving network, the same key and books after a restart, no orphans.
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync, statSync} from 'node:fs';
import path from 'node:path';
import {afterAll, expect, test} from 'vitest';
import {send, stream, sumUp} from '../harness/client.ts';
import {totals, usage} from '../harness/edge.ts';
import {alive, cleanUp, fileBecomes, type Process, startReady, TDN, tempFolder} from '../harness/process.ts';

interface Ready {
  gateway: string;
  key: string;
  model: string;
  control: null;
  dns: null;
  sites: {name: string; gateway: string | null; admin: string | null; engine: string | null; pids: {edge: number | null; engine: number | null}}[];
  pids: {up: number};
}

afterAll(cleanUp);

async function up(state: string, more: string[] = []): Promise<{process: Process; ready: Ready; readyFile: string}> {
  const readyFile = path.join(tempFolder('up'), 'ready.json');
  const command = [TDN, 'up', '--simulated', '--state', state, '--ports', 'auto', '--ready-file', readyFile, ...more];
  return {...(await startReady<Ready>(command, readyFile, 60_000)), readyFile};
}

const chat = (ready: Ready, more: object = {}) => ({
  path: '/v1/chat/completions',
  key: ready.key,
  body: {model: ready.model, messages: [{role: 'user', content: 'hi'}], max_tokens: 8, ...more},
});
const children = (ready: Ready): number[] => ready.sites.flatMap((site) => [site.pids.edge, site.pids.engine]).filter((pid) => pid !== null);
const gone = async (pids: number[]) => {
  for (const pid of pids) {
    // The kernel tells of the end of a process that is not ours only when asked.
    const tail = spawnSync('timeout', ['15', 'tail', `--pid=${pid}`, '-f', '/dev/null']);
    expect(tail.status, `process ${pid} lives on`).toBe(0);
  }
};

test('serves two sites, says how, and starts again with the same key and books', async () => {
  const state = path.join(tempFolder('state'), 'demo');
  const first = await up(state);
  expect(first.ready.sites.map((site) => site.name).sort()).toEqual(['frankfurt', 'paris']);
  expect([first.ready.control, first.ready.dns]).toEqual([null, null]);
  expect(statSync(first.readyFile).mode & 0o777).toBe(0o600);
  expect(statSync(path.join(state, 'demo-key')).mode & 0o777).toBe(0o600);
  expect(readFileSync(path.join(state, 'demo-key'), 'utf8').trim()).toBe(first.ready.key);
  const curl = await first.process.said(/^.*curl .*$/m);
  expect(first.process.output).toMatch(/simulated/i);

  expect((await send(first.ready.gateway, chat(first.ready))).status).toBe(200);
  expect(sumUp(await stream(first.ready.gateway, chat(first.ready, {stream: true})))).toMatchObject({done: true});
  const before = totals(usage(state));
  expect(before.requests).toBe(2);

  const started = performance.now();
  expect((await first.process.end('SIGTERM')).code).toBe(0);
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(existsSync(first.readyFile)).toBe(false);
  await gone(children(first.ready));

  const second = await up(state);
  expect(second.ready.key).toBe(first.ready.key);
  const again = await second.process.said(/^.*curl .*$/m);
  expect(again[0].replace(/127\.0\.0\.1:\d+/g, 'A')).toBe(curl[0].replace(/127\.0\.0\.1:\d+/g, 'A'));
  expect(totals(usage(state))).toEqual(before);
  expect((await send(second.ready.gateway, chat(second.ready))).status).toBe(200);
  await second.process.end();
});

test('the key stands in demo-key and the ready file, and nowhere else', async () => {
  const state = path.join(tempFolder('state'), 'demo');
  const one = await up(state);
  await send(one.ready.gateway, chat(one.ready));
  await one.process.end();
  const found = spawnSync('grep', ['-rlF', '--binary-files=text', one.ready.key, state], {encoding: 'utf8'}).stdout.trim();
  expect(path.basename(found)).toBe('demo-key');
});

test('kill -9 of it leaves no orphan', async () => {
  const one = await up(path.join(tempFolder('state'), 'demo'));
  const pids = children(one.ready);
  expect(pids.length).toBeGreaterThanOrEqual(3);
  await one.process.end('SIGKILL');
  await gone(pids);
});

test('children that die come back, and a request in between is served by the other engine', async () => {
  const one = await up(path.join(tempFolder('state'), 'demo'));
  const pids = children(one.ready);
  const engine = one.ready.sites.find((site) => site.pids.engine !== null)!.pids.engine!;
  process.kill(engine, 'SIGKILL');
  const replies = await Promise.all(Array.from({length: 8}, () => send(one.ready.gateway, chat(one.ready))));
  expect(replies.map((reply) => reply.status)).toEqual(Array(8).fill(200));
  // The ready file is rewritten when the child was restarted.
  const complete = (now: Ready) => children(now).length === pids.length;
  const after = await fileBecomes<Ready>(one.readyFile, (now) => complete(now) && !children(now).includes(engine), 20_000);
  const edge = after.sites.find((site) => site.pids.edge !== null)!.pids.edge!;
  process.kill(edge, 'SIGKILL');
  const last = await fileBecomes<Ready>(one.readyFile, (now) => complete(now) && !children(now).includes(edge), 20_000);
  expect((await send(last.gateway, chat(last))).status).toBe(200);
  await one.process.end();
  await gone([...children(last), edge, engine].filter(alive));
});

test('a stream that is open when the end comes is finished or marked interrupted', async () => {
  const one = await up(path.join(tempFolder('state'), 'demo'));
  let asked = false;
  const seen = await stream(one.ready.gateway, chat(one.ready, {stream: true, max_tokens: 2000}), {
    onEvent: () => {
      if (!asked) {
        asked = true;
        process.kill(one.process.pid, 'SIGTERM');
      }
    },
  });
  const sum = sumUp(seen);
  expect(sum.done ? sum.error : sum.error?.code).toBe(sum.done ? null : 'stream_interrupted');
  expect((await one.process.exited).code).toBe(0);
});
