// kill -9 of each part of a network, at named places and at random: afterwards control's books hold
// every finish that a client saw exactly once, and nothing twice.
import {afterAll, afterEach, expect, test} from 'vitest';
import {expectPurchases} from '../harness/central.ts';
import {totals, usage} from '../harness/edge.ts';
import {askPlain, askStreamed, FAST, randomFrom, type Sight} from '../harness/load.ts';
import {Network} from '../harness/parts.ts';
import {cleanUp, within} from '../harness/process.ts';

let network: Network;
afterEach(async () => network.stop());
afterAll(cleanUp);

// `width` clients go on asking at a gateway until stopped; a connection that breaks is no end.
class Load {
  readonly sights: Sight[] = [];
  private stopped = false;
  private readonly clients: Promise<void>[];
  private waiting: {count: number; wake: () => void}[] = [];

  constructor(network: Network, sites: string[], width: number) {
    this.clients = Array.from({length: width}, (_, i) => this.client(network, sites[i % sites.length], i));
  }

  private async client(network: Network, site: string, number: number): Promise<void> {
    for (let i = number; !this.stopped; ++i) {
      const cap = 4 + ((i * 37) % 60);
      const streamed = i % 2 === 0;
      try {
        this.sights.push(streamed ? await askStreamed(network.target(site), cap) : await askPlain(network.target(site), cap));
      } catch {
        this.sights.push({streamed, cap, finished: false, output: 0});
        await new Promise((resolve) => setImmediate(resolve));
      }
      this.waiting = this.waiting.filter(({count, wake}) => this.sights.length < count || (wake(), false));
    }
  }

  // Once `more` further requests have ended.
  after(more: number): Promise<void> {
    return within(60_000, `${more} more requests`, new Promise((wake) => this.waiting.push({count: this.sights.length + more, wake})));
  }

  async stop(): Promise<Sight[]> {
    this.stopped = true;
    await Promise.all(this.clients);
    return this.sights;
  }
}

// What control says of the requests that clients saw: in sums, and one by one.
function expectCentralBooks(sights: Sight[]): void {
  const finished = sights.filter((one) => one.finished);
  const central = network.usage('model', 30);
  expectPurchases(network.controlState, finished);
  expect(central.lateSites).toEqual([]);
  const sum = totals(central);
  expect(sum.requests).toBeGreaterThanOrEqual(finished.length);
  expect(sum.requests).toBeLessThanOrEqual(sights.length);
  expect(sum.output).toBeGreaterThanOrEqual(finished.reduce((output, one) => output + one.output, 0));
  const local = network.sites.map((site) => totals(usage(site.state)));
  // Every edge's own view of what it bought, added up, is control's, or the end of it: what control
  // keeps goes from the edges' disks.
  expect(local.reduce((requests, one) => requests + one.requests, 0)).toBeLessThanOrEqual(sum.requests);
  expect(local.reduce((output, one) => output + one.output, 0)).toBeLessThanOrEqual(sum.output);
}

const KILLS = Number(process.env['NETWORK_KILLS'] ?? 50);

test.each(['ingress', 'server', 'control'])('kill -9 of the %s, again and again, under load', async (which) => {
  network = await Network.start({timing: FAST});
  const random = randomFrom(20261126);
  // Frankfurt has no engine, so what enters there is served in Paris.
  await network.site('frankfurt').engine.process.end('SIGKILL');
  const load = new Load(network, ['frankfurt', 'frankfurt', 'ashburn'], 6);
  for (let kill = 0; kill < KILLS; ++kill) {
    await load.after(1 + random(40));
    if (which === 'control') {
      await network.control!.end('SIGKILL');
      await network.startControl();
    } else {
      const site = which === 'ingress' ? 'frankfurt' : 'paris';
      await network.site(site).edge!.end('SIGKILL');
      await network.startEdge(site);
    }
  }
  const sights = await load.stop();
  expect(sights.filter((one) => one.finished).length).toBeGreaterThan(KILLS);
  expectCentralBooks(sights);
}, 600_000);
