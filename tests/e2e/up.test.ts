// `tdn up`: one command to a serving network, the same key and books after a restart, no orphans.
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {afterAll, expect, test} from 'vitest';
import {send, stream, sumUp} from '../harness/client.ts';
import {realModel, totals, usage} from '../harness/edge.ts';
import {checkJournal, countsOf, readJournal} from '../harness/journal.ts';
import {askPlain, askStreamed, FAST, loadUntilDeath, randomFrom, type Sight} from '../harness/load.ts';
import {chat, children, edgeState, gone, type Network, operate, type Ready, startNetwork} from '../harness/network.ts';
import {alive, cleanUp, fileBecomes, tempFolder, within} from '../harness/process.ts';

afterAll(cleanUp);

// Engines that say what they were asked for; at the usual speed if not told otherwise.
function timing(text = 'meanOutput: 0\n'): string[] {
  const file = path.join(tempFolder('timing'), 'timing.yaml');
  writeFileSync(file, text);
  return ['--timing', file];
}

test('serves three sites, says how, and starts again with the same key and books', async () => {
  const first = await startNetwork();
  const {state, ready} = first;
  expect(ready.sites.map((site) => site.name)).toEqual(['frankfurt', 'paris', 'ashburn']);
  expect(ready.gateway).toBe(ready.sites[0].gateway);
  expect([ready.console, ready.dns, ready.pids.wan]).toEqual([null, null, expect.any(Number)]);
  expect(statSync(first.readyFile).mode & 0o777).toBe(0o600);
  expect(statSync(path.join(state, 'demo-key')).mode & 0o777).toBe(0o600);
  expect(readFileSync(path.join(state, 'demo-key'), 'utf8').trim()).toBe(ready.key);
  const curl = await first.process.said(/^.*curl -N .*$/m);
  expect(first.process.output).toMatch(/simulated/i);

  for (const site of ready.sites) {
    expect((await send(site.gateway, chat(ready))).status, site.name).toBe(200);
  }
  expect(sumUp(await stream(ready.gateway, chat(ready, {stream: true})))).toMatchObject({done: true});
  const before = totals(usage(state));
  expect(before.requests).toBe(4);

  const started = performance.now();
  expect((await first.process.end('SIGTERM')).code).toBe(0);
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(existsSync(first.readyFile)).toBe(false);
  gone(children(ready));

  const second = await startNetwork({state});
  expect(second.ready.key).toBe(ready.key);
  expect(second.ready.operatorToken).toBe(ready.operatorToken);
  const again = await second.process.said(/^.*curl -N .*$/m);
  expect(again[0].replace(/127\.0\.0\.1:\d+/g, 'A')).toBe(curl[0].replace(/127\.0\.0\.1:\d+/g, 'A'));
  expect(totals(usage(state))).toEqual(before);
  expect((await send(second.ready.gateway, chat(second.ready))).status).toBe(200);
  await second.process.end();
});

test('the key and the operator token stand in their files and the ready file, and in no other', async () => {
  const one = await startNetwork();
  await send(one.ready.gateway, chat(one.ready));
  operate(one, 'get', 'sites', '-o', 'wide');
  await one.process.end();
  const holders = (secret: string) =>
    spawnSync('grep', ['-rlF', '--binary-files=text', secret, one.state], {encoding: 'utf8'}).stdout.trim().split('\n').map((file) => path.relative(one.state, file));
  expect(holders(one.ready.key)).toEqual(['demo-key']);
  expect(holders(one.ready.operatorToken)).toEqual(['control/operator-token']);
  expect(one.process.output).not.toContain(one.ready.operatorToken);
  // And the key once on the terminal, in the line to try.
  const said = one.process.output.split('\n').filter((line) => line.includes(one.ready.key));
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(/^ *curl /);
});

test('sites of a file, and what an operator changed stays over a restart', async () => {
  const file = path.join(tempFolder('sites'), 'sites.yaml');
  const site = (name: string, country: string, latitude: number, longitude: number) =>
    `---\napiVersion: tdn/v1\nkind: Site\nmetadata: {name: ${name}}\nspec: {location: {country: ${country}, latitude: ${latitude}, longitude: ${longitude}}}\n`;
  writeFileSync(file, site('oslo', 'NO', 59.9, 10.7) + site('bern', 'CH', 46.9, 7.4));
  const first = await startNetwork({more: ['--sites', file]});
  expect(first.ready.sites.map((one) => one.name)).toEqual(['oslo', 'bern']);
  expect((await send(first.ready.gateway, chat(first.ready))).headers['tdn-route']).toMatch(/^oslo\/oslo-1;/);
  operate(first, 'delete', 'zone', 'us');
  await first.process.end();

  const second = await startNetwork({state: first.state, more: ['--sites', file]});
  expect(operate(second, 'get', 'zones')).not.toMatch(/^us /m);
  await second.process.end();

  // A site that is not described any more goes, with its endpoint.
  writeFileSync(file, site('bern', 'CH', 46.9, 7.4));
  const third = await startNetwork({state: first.state, more: ['--sites', file]});
  expect(operate(third, 'get', 'endpoints')).not.toMatch(/oslo/);
  expect((await send(third.ready.gateway, chat(third.ready))).headers['tdn-route']).toMatch(/^bern\/bern-1;/);
  await third.process.end();
});

test('kill -9 of it under load leaves no orphan, and loses nothing that a client saw finished', async () => {
  const state = path.join(tempFolder('state'), 'demo');
  const random = randomFrom(99);
  const sights: Sight[] = [];
  for (let life = 0; life < 3; ++life) {
    const one = await startNetwork({state, more: timing(FAST)});
    const pids = children(one.ready);
    expect(pids).toHaveLength(8);
    let left = 1 + random(1500);
    sights.push(...(await loadUntilDeath(one.ready, 8, {onEvent: () => --left === 0 && process.kill(one.process.pid, 'SIGKILL')})));
    await one.process.exited;
    gone(pids);
  }
  const last = await startNetwork({state, more: timing(FAST)});
  const central = totals(usage(state));
  await last.process.end();
  checkJournal(state);
  const bought = readJournal(edgeState(last)).records.filter((record) => record.side !== 'sold');
  const records = new Map(bought.map((record) => [record.request, record]));
  const finished = sights.filter((sight) => sight.finished);
  expect(finished.length).toBeGreaterThan(10);
  for (const sight of finished) {
    expect([records.get(sight.id!)?.end, countsOf(records.get(sight.id!)!.reported).output]).toEqual(['complete', sight.cap]);
  }
  expect(central.requests, 'the books of the edge and of control').toBe(bought.length);
});

test('children that die come back, and a request in between is served by another engine', async () => {
  const one = await startNetwork();
  const pids = children(one.ready);
  const became = (died: number) => fileBecomes<Ready>(one.readyFile, (now) => children(now).length === pids.length && !children(now).includes(died), 20_000);
  const {engine} = one.ready.sites[0].pids;
  process.kill(engine, 'SIGKILL');
  const replies = await Promise.all(Array.from({length: 8}, () => send(one.ready.gateway, chat(one.ready))));
  expect(replies.map((reply) => reply.status)).toEqual(Array(8).fill(200));
  // The ready file is rewritten when the child was restarted.
  const after = await became(engine);
  const {edge} = after.sites[0].pids;
  process.kill(edge, 'SIGKILL');
  const then = await became(edge);
  expect((await send(then.gateway, chat(then))).status).toBe(200);
  process.kill(then.pids.control, 'SIGKILL');
  expect((await send(then.gateway, chat(then))).status, 'control is away').toBe(200);
  const last = await became(then.pids.control);
  expect(totals(usage(one.state)).requests).toBe(10);
  await one.process.end();
  gone([...children(last), edge, engine, then.pids.control].filter(alive));
});

// Open streams when the end comes: what ends within five seconds ends well, the rest is marked
// interrupted and settled with what it got, then everything stops, within ten seconds.
async function stopUnderLoad(one: Network, asks: Promise<Sight>[], stop: () => void): Promise<Sight[]> {
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

  checkJournal(one.state);
  const bought = readJournal(edgeState(one)).records.filter((record) => record.side !== 'sold');
  const records = new Map(bought.map((record) => [record.request, record]));
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
  const one = await startNetwork({more: timing(), under: ['setsid']}); // leads a process group of its own, as below a shell
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
  const sights = await stopUnderLoad(one, asks, () => process.kill(how === 'Ctrl-C' ? -one.process.pid : one.process.pid, how === 'Ctrl-C' ? 'SIGINT' : 'SIGTERM'));
  expect(told).toEqual(['short', 'short', 'short', 'long', 'long', 'long']);
  expect(sights.at(-1)!.error).toBe('overloaded'); // and not a broken connection
});

test.skipIf(!realModel())('SIGTERM with open streams of the real model', async () => {
  const one = await startNetwork({model: realModel()});
  let begun = (): void => undefined;
  const firstEvent = new Promise<void>((resolve) => (begun = resolve));
  const asks = Array.from({length: 4}, (_, i) => askStreamed(one.ready, 1500 + i, begun, `Tell a long story in ${50 + i} chapters.`));
  await firstEvent;
  const sights = await stopUnderLoad(one, asks, () => process.kill(one.process.pid, 'SIGTERM'));
  expect(sights.some((sight) => sight.error === 'stream_interrupted')).toBe(true);
});
