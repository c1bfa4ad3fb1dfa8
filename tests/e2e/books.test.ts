// Exact books: what the client counted is what `tdn usage` says, whatever was killed in between.
import {afterAll, beforeAll, expect, test} from 'vitest';
import {type ChatSum, inParallel, send, stream, sumUp} from '../harness/client.ts';
import {type Edge, type Engine, restartEdge, startEdge, startEngine, totals, usage} from '../harness/edge.ts';
import {countsOf, readJournal} from '../harness/journal.ts';
import {askPlain, askStreamed} from '../harness/load.ts';
import {cleanUp, tdn} from '../harness/process.ts';

const TIMING = 'seed: 7\n';
let engine: Engine;

beforeAll(async () => {
  engine = await startEngine({simulated: TIMING});
});
afterAll(cleanUp);

const world = () => ({endpoints: [{name: 'frankfurt-1', kind: 'tdn' as const, url: engine.url, as: engine.model}]});
const chat = (edge: Edge, i: number, more: object) => ({
  path: '/v1/chat/completions',
  key: edge.key,
  body: {model: 'smollm2', messages: [{role: 'user', content: `question number ${i}`}], max_tokens: 4 + (i % 13), seed: i, ...more},
});

interface Counted {
  requests: number;
  input: number;
  output: number;
}

function add(counted: Counted, of: ChatSum['usage']): void {
  counted.requests += 1;
  counted.input += of?.prompt_tokens ?? Number.NaN;
  counted.output += of?.completion_tokens ?? Number.NaN;
}

const booked = (state: string): Counted => {
  const sum = totals(usage(state));
  return {requests: sum.requests, input: sum.input + sum.cachedInput, output: sum.output};
};

test('fifty streamed and fifty plain requests are booked to the token, also after kill -9 of everything', async () => {
  const edge = await startEdge({world: world(), shards: 2});
  const counted: Counted = {requests: 0, input: 0, output: 0};
  const sums = await inParallel(100, 8, async (i) => {
    if (i % 2 === 0) {
      return sumUp(await stream(edge.gateway, chat(edge, i, {stream: true, stream_options: {include_usage: true}}))).usage;
    }
    return (JSON.parse((await send(edge.gateway, chat(edge, i, {}))).body) as {usage: ChatSum['usage']}).usage;
  });
  sums.forEach((one) => add(counted, one));
  expect(counted.output).toBeGreaterThan(100);
  expect(booked(edge.state)).toEqual(counted);
  await edge.process.end('SIGKILL');
  expect(booked(edge.state)).toEqual(counted);
  const again = await restartEdge(edge);
  expect(booked(edge.state)).toEqual(counted);
  for (const by of ['tenant', 'project', 'key', 'site', 'endpoint']) {
    expect(totals(usage(edge.state, by)).requests).toBe(100);
  }
  await again.process.end();
  expect(tdn(['journal', 'check', edge.state]).status).toBe(0);
});

test('what a simulated engine says is marked so, in the answer and in the books', async () => {
  const edge = await startEdge({world: world()});
  const reply = await send(edge.gateway, chat(edge, 1, {}));
  expect(reply.headers['tdn-simulated']).toBe('true');
  await edge.process.end();
  expect(readJournal(edge.state).records.map((record) => record.flags)).toEqual([['simulated']]);
});

// An edge is killed while streams run; every finish that a client saw must be in the books, and a
// stream that was cut may be there at most once and with no more than it was given.
async function killDuringLoad(killAtEvent: number): Promise<void> {
  const edge = await startEdge({world: world(), shards: 2});
  let events = 0;
  const all = await inParallel(40, 20, (i) =>
    stream(edge.gateway, chat(edge, i, {stream: true, stream_options: {include_usage: true}, max_tokens: 8 + i}), {
      onEvent: () => {
        if (++events === killAtEvent) {
          process.kill(edge.process.pid, 'SIGKILL');
        }
      },
    }).catch(() => undefined),
  );
  await edge.process.exited;
  const sums = all.filter((one) => one !== undefined && one.status === 200).map((one) => sumUp(one!));
  const finished = sums.filter((one) => one.finish !== null);
  const again = await restartEdge(edge);
  const books = booked(edge.state);
  expect(books.requests).toBeGreaterThanOrEqual(finished.length);
  expect(books.requests).toBeLessThanOrEqual(40);
  const certain = finished.filter((one) => one.usage !== null);
  expect(books.output).toBeGreaterThanOrEqual(certain.reduce((sum, one) => sum + one.usage!.completion_tokens, 0));
  // The restarted edge serves and books on.
  const reply = await send(again.gateway, chat(again, 1, {}));
  expect(reply.status).toBe(200);
  expect(booked(edge.state).requests).toBe(books.requests + 1);
  await again.process.end();
  const check = tdn(['journal', 'check', edge.state]);
  expect(check.stdout + check.stderr).not.toMatch(/corrupt/i);
  expect(check.status).toBe(0);
}

test.each([1, 7, 60, 200, 333])('kill -9 of the edge at event %i loses no finish that a client saw', killDuringLoad);

test('a client that leaves is billed what was generated, and the stream counts as one', async () => {
  const edge = await startEdge({world: world()});
  const seen = await stream(edge.gateway, chat(edge, 1, {stream: true, max_tokens: 400}), {
    onEvent: (_, count, request) => {
      if (count === 5) {
        request.destroy();
      }
    },
  });
  expect(sumUp(seen).finish).toBe(null);
  await edge.process.end(); // settles what is open
  const books = booked(edge.state);
  expect(books.requests).toBe(1);
  expect(books.output).toBeGreaterThanOrEqual(4);
  expect(books.output).toBeLessThan(400);
});

test.each([1, 30, 200, 450])('an engine killed at event %i ends streams honestly, and the edge goes on with the other', async (killAt) => {
  const usual = {simulated: 'meanOutput: 0\n'};
  const [doomed, other] = [await startEngine(usual), await startEngine(usual)];
  const edge = await startEdge({
    world: {
      endpoints: [
        {name: 'near', kind: 'tdn', url: doomed.url, as: doomed.model},
        {name: 'next', kind: 'tdn', url: other.url, as: other.model},
      ],
    },
  });
  let events = 0;
  const onEvent = () => void (++events === killAt && process.kill(doomed.process.pid, 'SIGKILL'));
  const sights = await inParallel(12, 12, (i) => askStreamed(edge, 60 + i, onEvent));
  expect((await doomed.process.exited).signal).toBe('SIGKILL');
  sights.push(...(await inParallel(10, 2, (i) => askPlain(edge, 4 + i))));
  expect(sights.slice(-10).every((sight) => sight.finished)).toBe(true);
  expect(sights.some((sight) => sight.streamed && sight.finished)).toBe(true);
  expect(sights.some((sight) => !sight.finished) || killAt === 1).toBe(true);

  await edge.process.end();
  const records = new Map(readJournal(edge.state).records.map((record) => [record.request, record]));
  expect(records.size).toBe(22);
  for (const sight of sights) {
    const record = records.get(sight.id!)!;
    expect([sight.finished, sight.error, record.end]).toEqual(
      sight.finished ? [true, undefined, 'complete'] : [false, 'stream_interrupted', 'upstream_died'],
    );
    expect(countsOf(record.reported).output).toBe(sight.finished ? sight.cap : sight.output);
  }
  for (const process of [edge.process, other.process]) {
    await process.end('SIGKILL');
  }
});

test('four streams started together interleave, decoded in common steps', async () => {
  const own = await startEngine({simulated: TIMING});
  const edge = await startEdge({world: {endpoints: [{name: 'frankfurt-1', kind: 'tdn', url: own.url, as: own.model}]}});
  const order: number[] = [];
  const all = await inParallel(4, 4, (i) =>
    stream(edge.gateway, chat(edge, i, {stream: true, stream_options: {include_usage: true}, max_tokens: 40}), {onEvent: () => order.push(i)}),
  );
  const tokens = all.reduce((sum, one) => sum + (sumUp(one).usage?.completion_tokens ?? 0), 0);
  const switches = order.filter((one, at) => at > 0 && one !== order[at - 1]).length;
  expect(switches).toBeGreaterThan(order.length / 4);
  const metrics = (await send(own.url, {path: '/metrics'})).body;
  const decodes = Number(metrics.match(/^tdn_engine_decode_calls_total(?:\{[^}]*\})? (\S+)$/m)?.[1]);
  expect(decodes).toBeGreaterThan(0);
  expect(decodes).toBeLessThan(tokens / 2);
});
