// Clocks that are hours wrong, of real processes: the wall clock alone, as after a bad start of the machine
// (harness/wrong_clock.c). What docs/guide/failures.md states: nothing that is seen changes.
import {execFileSync} from 'node:child_process';
import path from 'node:path';
import {afterAll, afterEach, beforeAll, expect, test} from 'vitest';
import {totals} from '../harness/edge.ts';
import {askPlain, askStreamed, type Sight} from '../harness/load.ts';
import {Network} from '../harness/parts.ts';
import {cleanUp, tempFolder} from '../harness/process.ts';

let preload: string;
beforeAll(() => {
  preload = path.join(tempFolder('clock'), 'wrong_clock.so');
  execFileSync('clang-19', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', path.join(import.meta.dirname, '../harness/wrong_clock.c'), '-o', preload]);
});
const wrongBy = (hours: number): string[] => ['env', `LD_PRELOAD=${preload}`, `WRONG_CLOCK_HOURS=${hours}`];

let network: Network;
afterEach(async () => network.stop());
afterAll(cleanUp);

// Of a request's id (UUID version 7, RFC 9562), as the edge that took it had it.
const hoursOff = (id: string): number => Math.round((parseInt(id.replace(/-/g, '').slice(0, 12), 16) - Date.now()) / 3_600_000) + 0;
const ask = (site: string, cap: number): Promise<Sight> => (cap % 2 ? askStreamed : askPlain)(network.target(site), cap);

test.each([
  ['an edge is nine hours behind', {frankfurt: -9}],
  ['control is a day ahead', {control: 24}],
  ['all differ', {frankfurt: 7, paris: -11, control: -30}],
])('%s: requests are served, at other sites too, and billed once', async (_, wrong: Record<string, number>) => {
  network = await Network.start();
  for (const [name, hours] of Object.entries(wrong)) {
    const start = {under: wrongBy(hours)};
    if (name === 'control') {
      await network.control!.end('SIGTERM');
      await network.startControl(start);
    } else {
      await network.site(name).edge!.end('SIGTERM');
      await network.startEdge(name, start);
    }
  }
  await Promise.all(network.sites.map((site) => network.allUp(site)));

  const seen: Sight[] = [];
  for (let cap = 1; cap <= 20; ++cap) {
    seen.push(await ask('frankfurt', cap), await ask('paris', cap));
  }
  expect([hoursOff(seen[0].id!), hoursOff(seen[1].id!)]).toEqual([wrong['frankfurt'] ?? 0, wrong['paris'] ?? 0]);
  // What two sites sell another one serves: route tokens cross between clocks.
  for (const [from, cap] of [['frankfurt', 30], ['paris', 31]] as const) {
    await network.site(from).engine.process.end('SIGKILL');
    seen.push(await ask(from, cap));
  }
  expect(seen.filter((one) => !one.finished || one.output !== one.cap)).toEqual([]);

  // A catalogue that changes under a wrong clock reaches both edges: a key that is issued is good at once.
  const issued = network.tdn(['key', 'issue', 'demo/playground/laptop', '-o', 'json']);
  expect(issued.status, issued.stderr).toBe(0);

  const used = network.usage('model');
  expect(used.lateSites ?? []).toEqual([]);
  expect(totals(used)).toMatchObject({requests: seen.length, output: seen.reduce((sum, one) => sum + one.output, 0)});
}, 60_000);
