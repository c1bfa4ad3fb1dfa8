// `tdn up`: one command to a serving network, the same key and books after a restart, no orphans.
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {afterAll, expect, test} from 'vitest';
import {send, stream, sumUp} from '../harness/client.ts';
import {realModel, totals, usage} from '../harness/edge.ts';
import {checkJournal, countsOf, readJournal} from '../harness/journal.ts';
import {askPlain, askStreamed, FAST, loadUntilDeath, randomFrom, type Sight} from '../harness/load.ts';
import {alive, cleanUp, fileBecomes, type Process, startReady, TDN, tempFolder, within} from '../harness/process.ts';

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

interface Running {
  process: Process;
  ready: Ready;
  readyFile: string;
}

async function up(state: string, more: string[] = [], under: string[] = []): Promise<Running> {
  const readyFile = path.join(tempFolder('up'), 'ready.json');
  const command = [...under, TDN, 'up', '--simulated', '--state', state, '--ports', 'auto', '--ready-file', readyFile, ...more];
  return {...(await startReady<Ready>(command, readyFile, 60_000)), readyFile};
}

// Engines that say what they were asked for; at the usual speed if not told otherwise.
function timing(text = 'meanOutput: 0\n'): string[] {
  const file = path.join(tempFolder('timing'), 'timing.yaml');
  writeFileSync(file, text);
  return ['--timing', file];
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

test('the key stands in demo-key and the ready file, and in no other file', async () => {
  const state = path.join(tempFolder('state'), 'demo');
  const one = await up(state);
  await send(one.ready.gateway, chat(one.ready));
  await one.process.end();
  const found = spawnSync('grep', ['-rlF', '--binary-files=text', one.ready.key, state], {encoding: 'utf8'}).stdout.trim();
  expect(path.basename(found)).toBe('demo-key');
  // And once on the terminal, in the line to try.
  const said = one.process.output.split('\n').filter((line) => line.includes(one.ready.key));
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(/^ *curl /);
});

test('kill -9 of it under load leaves no orphan, and loses nothing that a client saw finished', async () => {
  const state = path.join(tempFolder('state'), 'demo');
  const random = randomFrom(99);
  const sights: Sight[] = [];
  for (let life = 0; life < 3; ++life) {
    const one = await up(state, timing(FAST));
    const pids = children(one.ready);
    expect(pids.length).toBeGreaterThanOrEqual(3);
    let left = 1 + random(1500);
    sights.push(...(await loadUntilDeath(one.ready, 8, {onEvent: () => --left === 0 && process.kill(one.process.pid, 'SIGKILL')})));
    await one.process.exited;
    await gone(pids);
  }
  const last = await up(state, timing(FAST));
  await last.process.end();
  checkJournal(state);
  const records = new Map(readJournal(state).records.map((record) => [record.request, record]));
  const finished = sights.filter((sight) => sight.finished);
  expect(finished.length).toBeGreaterThan(10);
  for (const sight of finished) {
    expect([records.get(sight.id!)?.end, countsOf(records.get(sight.id!)!.reported).output]).toEqual(['complete', sight.cap]);
  }
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

// Open streams when the end comes: what ends within five seconds ends well, the rest is marked
// interrupted and settled with what it got, then everything stops, within ten seconds.
async function stopUnderLoad(one: Running, state: string, asks: Promise<Sight>[], stop: () => void): Promise<Sight[]> {
  const pids = children(one.ready);
  stop();
  let exited = false;
  const exit = within(10_000, 'the end of everything', one.process.exited, () => one.process.output).then((how) => {
    exited = true;
    return how;
  });
  const sights = await Promise.all(asks.map((ask) => ask.then((sight) => ({...sight, early: !exited}))));
  expect(await exit).toEqual({code: 0, signal: null});
  expect(pids.filter(alive)).toEqual([]);
  expect(existsSync(one.readyFile)).toBe(false);

  checkJournal(state);
  const records = new Map(readJournal(state).records.map((record) => [record.request, record]));
  for (const sight of sights) {
    const record = records.get(sight.id!);
    expect(record, JSON.stringify(sight)).toBeDefined();
    expect(sight.early, 'a client heard of its end before the program was gone').toBe(true);
    expect(countsOf(record!.reported).output).toBe(sight.output);
    // One whose answer had not begun is sent elsewhere.
    const cut = sight.output > 0 ? 'stream_interrupted' : expect.stringMatching(/^(stream_interrupted|overloaded)$/);
    expect([sight.finished, sight.error, record!.end]).toEqual(sight.finished ? [true, undefined, 'complete'] : [false, cut, 'upstream_died']);
  }
  return sights;
}

test.each(['SIGTERM', 'Ctrl-C'])('%s with open streams', async (how) => {
  const state = path.join(tempFolder('state'), 'demo');
  const one = await up(state, timing(), ['setsid']); // leads a process group of its own, as below a shell
  const told: string[] = [];
  const seen = {short: 0, long: 0};
  let begun = (): void => undefined;
  const allBegun = new Promise<void>((resolve) => (begun = resolve));
  const ask = (kind: 'short' | 'long', cap: number) => {
    let first = true;
    return askStreamed(one.ready, cap, () => {
      if (first) {
        first = false;
        ++seen[kind];
        if (seen.short === 3 && seen.long === 3) {
          begun();
        }
      }
    }).then((sight) => {
      told.push(kind);
      expect(sight.finished, JSON.stringify(sight)).toBe(kind === 'short');
      return sight;
    });
  };
  // A token takes some 13 ms, or more where many wait for a core.
  const streams = [...[60, 61, 62].map((cap) => ask('short', cap)), ...[4000, 4001, 4002].map((cap) => ask('long', cap))];
  const asks = [...streams, askPlain(one.ready, 4003)];
  await allBegun;
  const sights = await stopUnderLoad(one, state, asks, () => process.kill(how === 'Ctrl-C' ? -one.process.pid : one.process.pid, how === 'Ctrl-C' ? 'SIGINT' : 'SIGTERM'));
  expect(told).toEqual(['short', 'short', 'short', 'long', 'long', 'long']);
  expect(sights.at(-1)!.error).toBe('overloaded'); // and not a broken connection
});

test.skipIf(!realModel())('SIGTERM with open streams of the real model', async () => {
  const state = path.join(tempFolder('state'), 'demo');
  const readyFile = path.join(tempFolder('up'), 'ready.json');
  const command = [TDN, 'up', '--model', realModel()!, '--state', state, '--ports', 'auto', '--ready-file', readyFile];
  const one = {...(await startReady<Ready>(command, readyFile, 60_000)), readyFile};
  let begun = (): void => undefined;
  const firstEvent = new Promise<void>((resolve) => (begun = resolve));
  const asks = Array.from({length: 4}, (_, i) => askStreamed(one.ready, 1500 + i, begun, `Tell a long story in ${50 + i} chapters.`));
  await firstEvent;
  const sights = await stopUnderLoad(one, state, asks, () => process.kill(one.process.pid, 'SIGTERM'));
  expect(sights.some((sight) => sight.error === 'stream_interrupted')).toBe(true);
});
