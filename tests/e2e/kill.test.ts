// kill -9 at every named place and at random moments: what the books show afterwards is what the
// format promises (docs/reference/formats), moment by moment.
import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {type Edge, type Engine, restartEdge, startEdge, startEngine, usage} from '../harness/edge.ts';
import {checkJournal, countsOf, type Journal, picos, readJournal} from '../harness/journal.ts';
import {askPlain, askStreamed, FAST, loadUntilDeath, randomFrom, type Sight} from '../harness/load.ts';
import {cleanUp, ROOT, within} from '../harness/process.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await startEngine({simulated: FAST});
});
afterAll(cleanUp);

// The moments of the table, each with how often it was met in this file.
const met = {nothing: 0, admitted: 0, checkpointed: 0, settled: 0, sent: 0};

// One segment per MiB, so that a second of load passes into the next.
const start = (more: object = {}) =>
  startEdge({
    world: {endpoints: [{name: 'frankfurt-1', kind: 'tdn', url: engine.url, as: engine.model}]},
    shards: 2,
    extra: ['--segment-mib', '1'],
    ...more,
  });
const dying = (point: string) => ({under: ['env', `TDN_FAILPOINT=${point}`]});

const PRICE = {fresh: 20_000n, cached: 5_000n, output: 40_000n}; // 10⁻¹² USD a token
const priceOf = (reported: Record<string, string>): bigint => {
  const counts = countsOf(reported);
  return BigInt(counts.fresh) * PRICE.fresh + BigInt(counts.cached) * PRICE.cached + BigInt(counts.output) * PRICE.output;
};

function expectTheTable(journal: Journal, sights: Sight[]): void {
  const byRequest = new Map(journal.records.map((record) => [record.request, record]));
  expect(byRequest.size).toBe(journal.records.length); // one record per request
  expect(journal.records.map((record) => Number(record.seq))).toEqual(journal.records.map((_, i) => i + 1));
  for (const record of journal.records) {
    const checkpoints = journal.checkpoints.get(record.request) ?? [];
    if (record.end !== 'orphan') {
      expect(picos(record.amount)).toBe(priceOf(record.reported));
    } else if (checkpoints.length === 0) {
      ++met.admitted;
      expect([record.amount, record.finish, countsOf(record.reported).output]).toEqual(['0', 'none', 0]);
      expect(Number(record.verified?.['48'])).toBeGreaterThan(0); // its input, counted in characters
    } else {
      ++met.checkpointed;
      expect(record.reported).toEqual(checkpoints.at(-1));
      expect([record.finish, picos(record.amount)]).toEqual(['none', priceOf(record.reported)]);
    }
  }
  for (const sight of sights) {
    const record = byRequest.get(sight.id ?? '');
    if (sight.finished) {
      ++met.sent;
      expect(record, `a finish without a record: ${JSON.stringify(sight)}`).toBeDefined();
      expect([record!.end, countsOf(record!.reported).output]).toEqual(['complete', sight.cap]);
    } else if (record?.end === 'orphan') {
      expect(countsOf(record.reported).output).toBeLessThanOrEqual(sight.cap);
    } else if (record) {
      expect([record.end, countsOf(record.reported).output]).toEqual(['complete', sight.cap]);
    }
  }
  expect(journal.records.length).toBeLessThanOrEqual(sights.length);
  const finished = new Set(sights.filter((one) => one.finished).map((one) => one.id));
  met.settled += journal.records.filter((one) => one.end === 'complete' && !finished.has(one.request)).length;
  met.nothing += sights.length - journal.records.length;
}

// Starts the edge anew, holds its books against what the clients saw, and proves that a further
// start changes nothing.
async function expectBooks(edge: Edge, sights: Sight[]): Promise<Journal> {
  const again = await restartEdge(edge);
  await again.process.end('SIGKILL');
  checkJournal(edge.state);
  const journal = readJournal(edge.state);
  expectTheTable(journal, sights);
  const before = usage(edge.state).rows;
  const third = await restartEdge(edge);
  expect(usage(edge.state).rows).toEqual(before);
  await third.process.end();
  checkJournal(edge.state);
  expect(readJournal(edge.state).records).toEqual(journal.records);
  return journal;
}

async function expectKilled(edge: Edge): Promise<void> {
  const exit = await within(10_000, 'the death at the fail point', edge.process.exited, () => edge.process.output);
  expect(exit.signal, edge.process.output).toBe('SIGKILL');
}

// The place, and at which times of its being reached the process dies.
const POINTS: Record<string, number[]> = {
  'gateway.after_admit': [1, 40],
  'gateway.after_head': [1, 50],
  'gateway.after_checkpoint': [2, 12],
  'gateway.after_settle': [1, 30],
  'books.before_handover': [20, 200],
  'books.before_write': [1, 100],
  'books.after_write_before_sync': [10, 100],
  'books.after_sync_before_release': [8, 60],
  'books.before_next_segment': [1],
  'books.after_next_segment': [2],
  'books.after_recovery_rewrite': [1],
};

test('the list of places is that of the source', () => {
  const source = path.join(ROOT, 'src');
  const files = readdirSync(source, {recursive: true, encoding: 'utf8'}).filter((name) => name.endsWith('.cc'));
  const found = files.flatMap((name) => [...readFileSync(path.join(source, name), 'utf8').matchAll(/\bfail_point\("([^"]+)"\)/g)].map((match) => match[1]));
  expect(Object.keys(POINTS).filter((name) => !found.includes(name))).toEqual([]);
  // Those of a network's parts are met by tests of theirs.
  const others = readdirSync(import.meta.dirname).filter((name) => name !== path.basename(import.meta.filename));
  const tests = others.map((name) => readFileSync(path.join(import.meta.dirname, name), 'utf8')).join('\n');
  expect(found.filter((name) => !(name in POINTS) && !tests.includes(name))).toEqual([]);
});

describe.each(Object.keys(POINTS).filter((name) => !name.includes('recovery')))('%s', (point) => {
  test.each(POINTS[point])('reached %i times under load', async (times) => {
    const edge = await start(dying(`${point}:${times}`));
    const short = point.includes('segment');
    const sights = await loadUntilDeath(edge, 16, short ? {longest: 8} : {});
    await expectKilled(edge);
    await expectBooks(edge, sights);
  });
});

test('books.after_recovery_rewrite: a death in the recovery from a death', async () => {
  const edge = await start(dying('gateway.after_checkpoint:5'));
  const sights = await loadUntilDeath(edge, 16);
  await expectKilled(edge);
  await expect(restartEdge(edge, dying('books.after_recovery_rewrite'))).rejects.toThrow(/SIGKILL/);
  await expect(restartEdge(edge, dying('books.after_recovery_rewrite'))).rejects.toThrow(/SIGKILL/);
  const journal = await expectBooks(edge, sights);
  expect(journal.records.length).toBeGreaterThan(0);
});

// Takes the engine 40 ms: longer than an admission that nobody waits for waits for company.
const SLOW = 400;

// One request alone, so that each moment is the only one.
test.each([
  {point: 'gateway.after_admit', moment: 'admitted, not durable', ends: []},
  {point: 'gateway.after_settle', moment: 'the finish held, not settled', ends: ['orphan']},
  {point: 'books.after_sync_before_release', moment: 'settled, not sent', ends: ['complete']},
])('a lone request killed when it is $moment: $ends', async ({point, ends}) => {
  const edge = await start({...dying(point), shards: 1});
  await expect(askPlain(edge, SLOW)).rejects.toThrow();
  await expectKilled(edge);
  const journal = await expectBooks(edge, [{streamed: false, cap: SLOW, finished: false, output: 0}]);
  expect(journal.records.map((one) => one.end)).toEqual(ends);
  expect(journal.delivered.size).toBe(0);
});

test('a lone request killed when its answer was sent: complete', async () => {
  // Its turns hand over the admission, the settlement, and that it was delivered.
  const edge = await start({...dying('books.before_handover:3'), shards: 1});
  const sight = await askPlain(edge, SLOW);
  await expectKilled(edge);
  const journal = await expectBooks(edge, [sight]);
  expect(journal.records.map((one) => one.end)).toEqual(['complete']);
});

test('a stream is billed as far as its last checkpoint, never more than its client was told', async () => {
  const edge = await start({...dying('gateway.after_checkpoint:3'), shards: 1});
  const sight = await askStreamed(edge, 4000);
  await expectKilled(edge);
  const journal = await expectBooks(edge, [sight]);
  const billed = countsOf(journal.records[0].reported).output;
  // Two checkpoints had left, each after 256 tokens more; the writer may have been at the first.
  expect(billed).toBeGreaterThanOrEqual(256);
  expect(sight.output).toBeGreaterThan(billed - 256);
  expect(billed).toBeLessThan(4000);
});

test('kill -9 at twelve random moments of one edge, one journal through all of its lives', async () => {
  const random = randomFrom(20261125);
  const sights: Sight[] = [];
  let edge = await start();
  for (let life = 0; life < 12; ++life) {
    const {pid} = edge.process;
    let left = 1 + random(3000);
    sights.push(
      ...(await loadUntilDeath(edge, 16, {
        onEvent: () => {
          if (--left === 0) {
            process.kill(pid, 'SIGKILL');
          }
        },
      })),
    );
    await expectKilled(edge);
    edge = await restartEdge(edge);
  }
  await edge.process.end('SIGKILL');
  await expectBooks(edge, sights);
}, 120_000);

test('every moment of the table was met', () => {
  for (const [moment, times] of Object.entries(met)) {
    expect(times, moment).toBeGreaterThan(0);
  }
});
