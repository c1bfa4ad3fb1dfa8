// `tdn demo` against a running network: what it says it saw is what the books say, also while the busiest
// site dies under it.
import path from 'node:path';
import {afterAll, afterEach, expect, test} from 'vitest';
import {purchases} from '../harness/central.ts';
import {totals, type Usage} from '../harness/edge.ts';
import {type Network, operate, startNetwork} from '../harness/network.ts';
import {cleanUp, Process, TDN, tdn} from '../harness/process.ts';

interface City {
  city: string;
  requests: number;
  complete: number;
  cut: number;
  failed: number;
  moved: number;
  tokens: {input: string; cachedInput: string; output: string};
  ttftMs: {p50: number; p99: number};
  servedAt: Record<string, number>;
  because: Record<string, number>;
  errors: Record<string, number>;
}
interface Demo {
  seconds: number;
  simulated: boolean;
  cities: City[];
  ids: {complete: string[]; cut: string[]; failed: string[]};
}

let network: Network;
afterEach(async () => {
  await network.process.end('SIGTERM');
});
afterAll(cleanUp);

const sum = (demo: Demo, of: (city: City) => number) => demo.cities.reduce((all, city) => all + of(city), 0);
const busiest = (demo: Demo) => {
  const served = new Map<string, number>();
  for (const city of demo.cities) {
    for (const [site, count] of Object.entries(city.servedAt)) {
      served.set(site, (served.get(site) ?? 0) + count);
    }
  }
  return [...served].sort((a, b) => b[1] - a[1])[0][0];
};
const run = (...more: string[]): Demo => {
  const done = tdn(['demo', '--state', network.state, '-o', 'json', ...more], {timeout: 90_000});
  expect(done.status, done.stderr).toBe(0);
  return JSON.parse(done.stdout) as Demo;
};
const centrally = () => totals(JSON.parse(operate(network, 'usage', '--by', 'key', '--wait', '20', '-o', 'json')) as Usage);

test('each city is served near it, and the books say what its clients saw', async () => {
  network = await startNetwork();
  const demo = run('--seconds', '2', '--clients', '1');
  expect(demo.simulated).toBe(true);
  expect(demo.cities.map((city) => city.city)).toEqual(['berlin', 'lyon', 'manchester', 'new-york', 'osaka']);
  const servedAt = (name: string) => Object.keys(demo.cities.find((city) => city.city === name)!.servedAt);
  expect(servedAt('berlin')).toContain('frankfurt');
  expect(servedAt('new-york')).toContain('ashburn');
  expect([sum(demo, (city) => city.failed), sum(demo, (city) => city.cut)]).toEqual([0, 0]);
  expect(new Set(demo.ids.complete).size).toBe(sum(demo, (city) => city.complete));
  const books = centrally();
  expect(books.requests).toBe(demo.ids.complete.length);
  expect(books.output).toBe(sum(demo, (city) => Number(city.tokens.output)));
  expect(books.input + books.cachedInput).toBe(sum(demo, (city) => Number(city.tokens.input) + Number(city.tokens.cachedInput)));
  const table = tdn(['demo', '--state', network.state, '--seconds', '1', '--clients', '1']);
  expect(table.stdout).toMatch(/^CITY +REQUESTS +FAILED +CUT/);
  expect(table.stdout).toMatch(/engines are SIMULATED/);
});

test('without distances it asks from six cities by their place alone', async () => {
  network = await startNetwork({more: ['--scenario', 'none']});
  const demo = run('--seconds', '1', '--clients', '1');
  expect(demo.cities.map((city) => city.city)).toContain('Berlin');
  expect(Object.keys(demo.cities.find((city) => city.city === 'New York')!.servedAt)).toContain('ashburn');
});

test('tdn chaos kill on the busiest site meanwhile: nothing fails that had not begun, and after the heal the books have each end once', async () => {
  network = await startNetwork();
  const name = busiest(run('--seconds', '1', '--clients', '1'));
  const victim = network.ready.sites.find((site) => site.name === name)!;
  const before = centrally();
  const demo = new Process([TDN, 'demo', '--state', network.state, '-o', 'json', '--seconds', '8', '--clients', '3']);
  // Its clients have begun once the edge counts requests.
  const requests = async () => Number(/^tdn_requests_in_flight (\d+)/m.exec(await (await fetch(`${victim.admin}/metrics`)).text())?.[1] ?? 0);
  while ((await requests()) === 0) {}
  operate(network, 'chaos', 'kill', name);
  const exit = await demo.exited;
  expect(exit.code, demo.output).toBe(0);
  const seen = JSON.parse(demo.output.slice(demo.output.indexOf('{'))) as Demo;
  expect(sum(seen, (city) => city.failed), demo.output).toBe(0);
  expect(sum(seen, (city) => city.moved)).toBeGreaterThan(0);
  operate(network, 'chaos', 'heal');
  const books = centrally();

  // One to one by id: what a client saw the end of was bought once, complete. Whatever else was bought is of those that
  // were cut, or that had no answer at their first entry, whose ids their clients never heard.
  const bought = purchases(path.join(network.state, 'control'));
  expect([...bought].filter(([, records]) => records.length !== 1)).toEqual([]);
  expect(seen.ids.complete.filter((id) => !bought.has(id))).toEqual([]);
  expect(bought.size).toBe(books.requests);
  const others = books.requests - before.requests - seen.ids.complete.length;
  expect(others).toBeLessThanOrEqual(seen.ids.cut.length + sum(seen, (city) => city.moved));
}, 60_000);

test('without a network it says what starts one', () => {
  const done = tdn(['demo', '--state', '/nowhere', '--seconds', '1'], {});
  expect([done.status, done.stderr]).toEqual([1, expect.stringMatching(/tdn up/)]);
  network = {process: {end: async () => undefined}} as unknown as Network;
});
