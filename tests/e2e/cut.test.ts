// A client that leaves pays for what the engine generated for it, to within one step: the edge's bill
// is held against the engine's own counter.
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {send} from '../harness/client.ts';
import {type Edge, type Engine, realModel, startEdge, startEngine} from '../harness/edge.ts';
import {countsOf, readJournal} from '../harness/journal.ts';
import {askStreamed, randomFrom, type Sight} from '../harness/load.ts';
import {cleanUp} from '../harness/process.ts';

afterAll(cleanUp);

const metric = (text: string, name: string): number => Number(text.match(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm'))?.[1]);

// Asks until the metrics satisfy; 10 s end what hangs.
async function metricsOnce(url: string, satisfied: (text: string) => boolean): Promise<string> {
  for (const end = performance.now() + 10_000; performance.now() < end; ) {
    const {body} = await send(url, {path: '/metrics'});
    if (satisfied(body)) {
      return body;
    }
  }
  throw new Error(`the metrics of ${url} did not come to rest`);
}

// How many tokens the engine generated in its life for whoever still listened, once it works on
// nothing.
async function generated(engine: Engine): Promise<number> {
  const text = await metricsOnce(engine.url, (now) => metric(now, 'tdn_engine_requests_running') === 0);
  return metric(text, 'tdn_engine_generation_tokens_total');
}

const atRest = (edge: Edge) => metricsOnce(edge.admin, (now) => metric(now, 'tdn_requests_in_flight') === 0);

const leaveAfter = (edge: Edge, cap: number, events: number): Promise<Sight> =>
  askStreamed(edge, cap, (count, request) => void (count === events && request.destroy()), 'Tell a long story in fifty chapters.');

describe.each([
  {name: 'simulated engine', model: undefined, streams: 40, cap: 2000, latest: 60},
  {name: 'real model', model: realModel(), streams: 8, cap: 100, latest: 12},
].filter((one) => one.name !== 'real model' || one.model))('$name', ({model, streams, cap, latest}) => {
  let engine: Engine;
  let edge: Edge;
  beforeAll(async () => {
    engine = await startEngine(model ? {model} : {simulated: 'meanOutput: 0\nprefill: {base: 0, perToken: 0}\ndecode: {base: 0.004}\n'});
    edge = await startEdge({world: {endpoints: [{name: 'frankfurt-1', kind: 'tdn', url: engine.url, as: engine.model}]}});
  });

  test(`${streams} streams cut at random points, one by one`, async () => {
    const random = randomFrom(77);
    const expected = new Map<string, {sight: Sight; tokens: number}>();
    let before = await generated(engine);
    for (let i = 0; i < streams; ++i) {
      const sight = await leaveAfter(edge, cap, 1 + random(latest));
      expect(sight.finished, JSON.stringify(sight)).toBe(false);
      await atRest(edge);
      const now = await generated(engine);
      expected.set(sight.id!, {sight, tokens: now - before});
      before = now;
    }
    const records = new Map(readJournal(edge.state).records.map((record) => [record.request, record]));
    expect(records.size).toBe(streams);
    for (const [id, {sight, tokens}] of expected) {
      const record = records.get(id)!;
      const billed = countsOf(record.reported).output;
      expect([record.end, record.flags]).toEqual(['client_gone', model ? ['streamed'] : ['streamed', 'simulated']]);
      expect(billed, JSON.stringify(sight)).toBeGreaterThanOrEqual(sight.output); // what it was told
      expect([tokens - 1, tokens], JSON.stringify(sight)).toContain(billed);
    }
  });

  test.skipIf(model)('64 streams cut at random points, 8 at a time', async () => {
    const random = randomFrom(78);
    const before = await generated(engine);
    const known = new Set(readJournal(edge.state).records.map((record) => record.request));
    await Promise.all(
      Array.from({length: 8}, async () => {
        for (let i = 0; i < 8; ++i) {
          await leaveAfter(edge, cap, 1 + random(latest));
        }
      }),
    );
    await atRest(edge);
    const tokens = (await generated(engine)) - before;
    const records = readJournal(edge.state).records.filter((record) => !known.has(record.request));
    expect(records).toHaveLength(64);
    const billed = records.reduce((sum, record) => sum + countsOf(record.reported).output, 0);
    expect(billed).toBeLessThanOrEqual(tokens);
    expect(billed).toBeGreaterThanOrEqual(tokens - 64);
  });
});
