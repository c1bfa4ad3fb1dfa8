// Any one process of a network is stopped for a while under load: no settled record is lost, and no
// request fails that had not started streaming. STOPPED_SECONDS says for how long; the suite's few
// seconds are longer than anything that an edge waits for before it goes elsewhere.
import {afterAll, afterEach, expect, test} from 'vitest';
import {totals} from '../harness/edge.ts';
import {askPlain, askStreamed, type Sight} from '../harness/load.ts';
import {Network} from '../harness/parts.ts';
import {cleanUp} from '../harness/process.ts';

const SECONDS = Number(process.env['STOPPED_SECONDS'] ?? 3);
const STEADY = 'seed: 7\nmeanOutput: 0\nslots: 32\nprefill: {base: 0.01, perToken: 0}\ndecode: {base: 0.003, perSequence: 0}\n';

let network: Network;
afterEach(async () => network.stop());
afterAll(cleanUp);

interface Seen extends Sight {
  started: boolean; // an event reached the client
  refused: boolean; // nobody was at the gateway: a client behind DNS goes to the next one
}

// What the clients of one test saw, and who waits for more of it.
class Seeing {
  readonly seen: Seen[] = [];
  private waiting: (() => void)[] = [];

  add(one: Seen): void {
    this.seen.push(one);
    this.waiting.splice(0).forEach((wake) => wake());
  }
  next(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }
  async more(count: number): Promise<void> {
    for (const until = this.seen.length + count; this.seen.length < until; ) {
      await this.next();
    }
  }
}

// One client after the other at one gateway, until `over`; where nobody is, it comes back when `back`.
async function client(site: string, number: number, over: () => boolean, back: Promise<void>, seeing: Seeing): Promise<void> {
  for (let i = number; !over(); ++i) {
    const cap = 4 + ((i * 37) % 60);
    const streamed = i % 2 === 0;
    let events = 0;
    const ask = () => (streamed ? askStreamed(network.target(site), cap, (count) => (events = count)) : askPlain(network.target(site), cap));
    const sight = await ask().catch((error: NodeJS.ErrnoException): Sight & {refused: boolean} => ({streamed, cap, finished: false, output: 0, error: error.code, refused: error.code === 'ECONNREFUSED' || error.code === 'ECONNRESET'}));
    seeing.add({refused: false, ...sight, started: events > 0});
    if (sight.error === 'ECONNREFUSED') {
      await back;
    }
  }
}

async function under(clients: string[], stopOne: () => Promise<unknown>, startOne: () => Promise<unknown>): Promise<Seen[]> {
  const seeing = new Seeing();
  let over = false;
  let isBack = () => {};
  const back = new Promise<void>((resolve) => (isBack = resolve));
  const all = clients.map((site, i) => client(site, i, () => over, back, seeing));
  await seeing.more(50);
  await stopOne();
  for (const until = Date.now() + SECONDS * 1000; Date.now() < until; ) {
    await seeing.next();
  }
  await startOne();
  isBack();
  await seeing.more(50);
  over = true;
  await Promise.all(all);
  return seeing.seen;
}

function expectBooks(seen: Seen[]): void {
  const finished = seen.filter((one) => one.finished);
  const central = network.usage('model', 30);
  expect(central.lateSites).toEqual([]);
  const sum = totals(central);
  expect(sum.requests).toBeGreaterThanOrEqual(finished.length);
  expect(sum.requests).toBeLessThanOrEqual(seen.length);
  expect(sum.output).toBeGreaterThanOrEqual(finished.reduce((output, one) => output + one.output, 0));
}

const failed = (seen: Seen[]) => seen.filter((one) => !one.finished && !one.started);

test('control', async () => {
  network = await Network.start({timing: STEADY});
  const seen = await under(['frankfurt', 'paris', 'ashburn', 'frankfurt'], () => network.control!.end('SIGKILL'), () => network.startControl());
  expect(seen.filter((one) => !one.finished)).toEqual([]);
  expectBooks(seen);
}, SECONDS * 1000 + 60_000);

test('an engine', async () => {
  network = await Network.start({timing: STEADY});
  const seen = await under(['paris', 'paris', 'frankfurt', 'ashburn'], () => network.site('paris').engine.process.end('SIGKILL'), async () => undefined);
  expect(failed(seen)).toEqual([]);
  expectBooks(seen);
}, SECONDS * 1000 + 60_000);

test('the edge that serves', async () => {
  network = await Network.start({timing: STEADY});
  await network.site('frankfurt').engine.process.end('SIGKILL');
  const seen = await under(['frankfurt', 'frankfurt', 'ashburn', 'frankfurt'], () => network.site('paris').edge!.end('SIGKILL'), () => network.startEdge('paris'));
  expect(failed(seen)).toEqual([]);
  expect(seen.filter((one) => one.finished).length).toBeGreaterThan(100);
  expectBooks(seen);
}, SECONDS * 1000 + 60_000);

test('the edge where clients are', async () => {
  network = await Network.start({timing: STEADY});
  const seen = await under(['frankfurt', 'paris', 'ashburn', 'frankfurt'], () => network.site('frankfurt').edge!.end('SIGKILL'), () => network.startEdge('frankfurt'));
  // Its own clients find nobody there, which they can tell and go elsewhere; all others are served.
  expect(failed(seen).filter((one) => !one.refused)).toEqual([]);
  expectBooks(seen);
}, SECONDS * 1000 + 60_000);
