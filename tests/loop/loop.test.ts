// The crash and partition loop: processes killed at random moments and named places, paused, and links cut,
// reset and slowed, one trouble after the other under load, then all healed and three books compared: what each
// client saw, what the edges' journals hold, and what control bills. Again and again until the time is over.
//
//   LOOP_SECONDS=7200 LOOP_SEED=7 scripts/test loop
//
// Not one decision depends on the clock: a trouble lasts until the other clients have got so many answers more. So
// a seed tells the same troubles again; what they meet depends on the machine.
import {spawnSync} from 'node:child_process';
import {afterAll, expect, test} from 'vitest';
import {expectPurchases} from '../harness/central.ts';
import {totals} from '../harness/edge.ts';
import {type ApiKey, makeKey} from '../harness/keys.ts';
import {askPlain, askStreamed, randomFrom, type Sight} from '../harness/load.ts';
import {Network, SITES} from '../harness/parts.ts';
import {cleanUp, TDN, within} from '../harness/process.ts';

const SECONDS = Number(process.env['LOOP_SECONDS'] ?? 60);
const SEED = Number(process.env['LOOP_SEED'] ?? 20261126);
const CLIENTS = 9;
const TROUBLES = 4; // before each comparison
const LONGEST = 300; // answers that the others get during a trouble
const STEADY = 'seed: 7\nmeanOutput: 0\nslots: 32\nprefill: {base: 0.004, perToken: 0}\ndecode: {base: 0.002, perSequence: 0}\n';

const EDGE_PLACES = ['agent.after_ack', 'agent.after_fetch', 'agent.after_persist', 'agent.before_ack', 'books.after_ack_frame', 'books.after_next_segment', 'books.after_sync_before_release',
  'books.after_write_before_sync', 'books.before_ack_frame', 'books.before_handover', 'books.before_next_segment', 'books.before_write', 'gateway.after_admit', 'gateway.after_checkpoint',
  'gateway.after_head', 'gateway.after_settle'];
const CONTROL_PLACES = ['control.after_commit', 'control.before_commit'];

const random = randomFrom(SEED);
const pick = <T>(of: readonly T[]): T => of[random(of.length)];
const sites = Object.keys(SITES);
const counts: Record<string, number> = {};
const count = (what: string) => (counts[what] = (counts[what] ?? 0) + 1);

// Answers that clients have got, and who waits for more.
let answered = 0;
let waiting: {until: number; wake: () => void}[] = [];
const answers = (more: number) => within(60_000, `${more} more answers`, new Promise<void>((wake) => waiting.push({until: answered + more, wake})));
const noteAnswer = () => {
  ++answered;
  waiting = waiting.filter(({until, wake}) => answered < until || (wake(), false));
};
// Of a site whose edge was killed: settled once it is there again.
const back = new Map<string, Promise<unknown>>();

let network: Network;
afterAll(async () => {
  await network?.stop();
  await cleanUp();
});

// One client: a key of its own, a gateway of its own, one request after the other.
class Client {
  readonly sights: Sight[] = [];
  private stopped = false;
  private running: Promise<void> = Promise.resolve();
  private asked = 0;

  constructor(
    readonly name: string,
    readonly key: ApiKey,
    private readonly site: string,
  ) {}

  private async ask(): Promise<Sight> {
    const i = this.asked++;
    const [streamed, cap] = [i % 2 === 0, 4 + ((i * 37) % 40)];
    const target = {gateway: network.site(this.site).gateway, key: this.key.secret};
    try {
      return await (streamed ? askStreamed(target, cap) : askPlain(target, cap));
    } catch (error) {
      return {streamed, cap, finished: false, output: 0, error: (error as NodeJS.ErrnoException).code};
    }
  }

  begin(): void {
    this.stopped = false;
    this.running = (async () => {
      while (!this.stopped) {
        const sight = await this.ask();
        this.sights.push(sight);
        if (sight.finished) {
          noteAnswer();
        } else if (sight.error === 'ECONNREFUSED') {
          await back.get(this.site);
        }
      }
    })();
  }
  async end(): Promise<void> {
    this.stopped = true;
    await within(90_000, `the end of ${this.name}'s last request`, this.running);
  }
  // So many more, every one of which must be answered.
  async quietly(requests: number): Promise<void> {
    for (let i = 0; i < requests; ++i) {
      const sight = await this.ask();
      expect(sight.finished, `${this.name} at ${this.site}, all healed: ${JSON.stringify(sight)}`).toBe(true);
      this.sights.push(sight);
    }
  }
}

function killEdge(site: string): Promise<void> {
  const killed = killAndStart(site);
  back.set(site, killed.catch(() => undefined));
  return killed;
}

async function killAndStart(site: string): Promise<void> {
  if (random(2) === 0) {
    count('edge killed');
    await network.site(site).edge!.end('SIGKILL');
    await answers(1 + random(LONGEST));
    await network.startEdge(site);
    return;
  }
  // Armed at the start, it dies the N-th time it comes by.
  const place = pick(EDGE_PLACES);
  count(`edge died at ${place}`);
  await network.site(site).edge!.end('SIGKILL');
  const armed = await network.startEdge(site, {under: ['env', `TDN_FAILPOINT=${place}:${1 + random(20)}`]}).catch(() => undefined);
  await Promise.race([armed?.exited, answers(LONGEST)]);
  await network.site(site).edge!.end('SIGKILL');
  await network.startEdge(site);
}

async function killControl(): Promise<void> {
  await network.control!.end('SIGKILL');
  if (random(2) === 0) {
    count('control killed');
    await answers(1 + random(LONGEST));
  } else {
    const place = pick(CONTROL_PLACES);
    count(`control died at ${place}`);
    await network.startControl({under: ['env', `TDN_FAILPOINT=${place}:${1 + random(10)}`]}).catch(() => undefined);
    await Promise.race([network.control!.exited, answers(LONGEST)]);
    await network.control!.end('SIGKILL');
  }
  await network.startControl();
}

const troubles: (() => Promise<void>)[] = [
  () => killEdge(pick(sites)),
  () => killEdge(pick(sites)),
  killControl,
  async () => {
    count('engine killed');
    const site = pick(sites);
    await network.site(site).engine.process.end('SIGKILL');
    await answers(1 + random(LONGEST));
    await network.startEngine(site);
  },
  async () => {
    const which = pick(['edge', 'engine', 'control'] as const);
    count(`${which} paused`);
    const site = network.site(pick(sites));
    const process = which === 'control' ? network.control! : which === 'edge' ? site.edge! : site.engine.process;
    process.child.kill('SIGSTOP');
    await answers(1 + random(LONGEST));
    process.child.kill('SIGCONT');
  },
  async () => {
    const [state, a, b] = [pick(['cut', 'cut', 'reset', 'slow'] as const), pick(sites), pick([...sites, 'control'])];
    const target = a === b ? a : `${a}-${b}`;
    count(`${a === b ? 'site' : b === 'control' ? 'control link' : 'pair'} ${state}`);
    await network.wan!.faults({target, state, ...(state === 'slow' ? {addedMs: 300} : {})});
    await answers(1 + random(LONGEST));
    await network.wan!.faults();
  },
];

// Each client's key: control's bill against what the client saw.
function compare(clients: Client[]): void {
  const usage = network.usage('key', 40);
  expect(usage.lateSites).toEqual([]);
  for (const client of clients) {
    const row = usage.rows.find((one) => one.by['key'] === client.name);
    const booked = {requests: Number(row?.requests ?? 0), output: Number(row?.tokens.output ?? 0)};
    const finished = client.sights.filter((one) => one.finished);
    const output = finished.reduce((all, one) => all + one.output, 0);
    expect(booked.requests, `${client.name}: every finish once`).toBeGreaterThanOrEqual(finished.length);
    expect(booked.requests, `${client.name}: nothing twice`).toBeLessThanOrEqual(client.sights.length);
    expect(booked.output, `${client.name}: output`).toBeGreaterThanOrEqual(output);
    if (finished.length === client.sights.length) {
      expect(booked).toEqual({requests: finished.length, output});
    }
  }
  for (const site of network.sites) {
    const check = spawnSync(TDN, ['journal', 'check', site.state], {encoding: 'utf8'});
    expect(check.status, check.stdout + check.stderr).toBe(0);
  }
}

test(`crashes and partitions for ${SECONDS} s, seed ${SEED}`, async () => {
  const keys = Array.from({length: CLIENTS}, (_, i) => ({name: `demo/playground/client-${i}`, key: makeKey()}));
  network = await Network.start({timing: STEADY, keys, rttMs: 8});
  const clients = keys.map(({name, key}, i) => new Client(name, key, sites[i % sites.length]));
  const end = Date.now() + SECONDS * 1000;
  let rounds = 0;
  do {
    clients.forEach((client) => client.begin());
    for (let i = 0; i < TROUBLES; ++i) {
      await answers(20 + random(40));
      await pick(troubles)();
    }
    await Promise.all(clients.map((client) => client.end()));
    await within(30_000, 'every edge knowing every endpoint to be up', Promise.all(network.sites.map((site) => network.allUp(site))));
    const before = totals(network.usage('model', 40));
    await Promise.all(clients.map((client) => client.quietly(3)));
    const quiet = clients.flatMap((client) => client.sights.slice(-3));
    const after = totals(network.usage('model', 40));
    expect([after.requests - before.requests, after.output - before.output]).toEqual([quiet.length, quiet.reduce((all, one) => all + one.output, 0)]);
    compare(clients);
    ++rounds;
  } while (Date.now() < end);
  const all = clients.flatMap((client) => client.sights);
  expectPurchases(network.controlState, all.filter((one) => one.finished));
  console.log(`${rounds} comparisons, ${all.length} requests, ${all.filter((one) => one.finished).length} finished\n${JSON.stringify(counts, null, 1)}`);
  expect(rounds).toBeGreaterThan(0);
}, (SECONDS + 240) * 1000);
