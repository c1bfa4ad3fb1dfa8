// What docs/guide/failures.md promises of a network that is cut for half a minute, under load: control from
// everything, a pair of sites from each other, a site from everything. Error rate, added time to the first
// token, time to detect, time to recover; and the fence, in all of them. CUT_SECONDS says for how long.
import {writeFileSync} from 'node:fs';
import path from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {send, stream, sumUp} from '../harness/client.ts';
import {type Network, operate, startNetwork} from '../harness/network.ts';
import {cleanUp, tempFolder} from '../harness/process.ts';

const SECONDS = Number(process.env['CUT_SECONDS'] ?? 30);
// The page's numbers, in milliseconds, and what a machine that does other things besides is forgiven.
const WAY_FOUND_DEAD = 1000;
const TURN_FOUND_DEAD = 3500;
const USED_AGAIN = 2000;
const SLACK = 1500;

let network: Network;
let europeanKey: string;
beforeAll(async () => {
  network = await startNetwork();
  const file = path.join(tempFolder('fence'), 'european.yaml');
  const document = (kind: string, name: string, spec: string) => `apiVersion: tdn/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
  writeFileSync(file, [
    document('Tenant', 'european', '{}'), document('Project', 'european/app', '{}'),
    document('Policy', 'european-stays-in-the-eu', '{rules: [{match: {tenants: [european]}, require: {zones: [eu]}}]}'),
  ].join('---\n'));
  operate(network, 'apply', '-f', file);
  europeanKey = JSON.parse(operate(network, 'key', 'issue', 'european/app/server', '-o', 'json')).key;
});
afterAll(async () => {
  await network.process.end();
  await cleanUp();
});

interface Seen {
  client: string;
  began: number;
  firstMs: number; // to the first token, or to the whole answer
  served: string; // the site
  started: boolean; // something of the answer came
  finished: boolean;
  trouble: string; // status and code of what came instead
}

interface Client {
  name: string;
  city: string;
  entry: string; // the site
  key: string;
  order: string[]; // the sites that it would rather have
  streamed: boolean;
}

const clients = (): Client[] => [
  {name: 'asks Paris for Frankfurt', city: 'lyon', entry: 'paris', key: network.ready.key, order: ['frankfurt'], streamed: false},
  {name: 'the same, streamed', city: 'lyon', entry: 'paris', key: network.ready.key, order: ['frankfurt'], streamed: true},
  {name: 'fenced into Europe, would rather have Ashburn', city: 'lyon', entry: 'paris', key: europeanKey, order: ['ashburn', 'frankfurt'], streamed: true},
  {name: 'asks the nearest', city: 'new-york', entry: 'ashburn', key: network.ready.key, order: [], streamed: true},
];

async function ask(client: Client, gateway: string, words: string): Promise<Seen> {
  const began = performance.now();
  const seen: Seen = {client: client.name, began, firstMs: NaN, served: '', started: false, finished: false, trouble: ''};
  const body = {
    model: network.ready.model, messages: [{role: 'user', content: words}], max_tokens: 6, stream: client.streamed,
    ...(client.order.length > 0 ? {provider: {order: client.order}} : {}),
  };
  const call = {path: '/v1/chat/completions', key: client.key, body};
  const first = () => (seen.firstMs = Number.isNaN(seen.firstMs) ? performance.now() - began : seen.firstMs);
  try {
    const answer = client.streamed ? await stream(gateway, call, {onEvent: first}) : await send(gateway, call);
    first();
    seen.served = String(answer.headers['tdn-route'] ?? '').split('/')[0];
    const sum = 'events' in answer ? sumUp(answer) : null;
    seen.started = answer.status === 200;
    seen.finished = seen.started && (sum === null || sum.finish !== null);
    const text = 'events' in answer ? answer.raw : answer.body;
    seen.trouble = seen.finished ? '' : answer.status === 200 ? `200 ${sum?.error?.code ?? 'cut'}` : `${answer.status} ${text}`;
  } catch (error) {
    seen.trouble = String((error as NodeJS.ErrnoException).code ?? error);
  }
  return seen;
}

interface Course {
  before: Seen[]; // answered before the cut
  struck: Seen[]; // under way when it came
  during: Seen[];
  after: Seen[];
  cutAt: number;
  healedAt: number;
}

// Two of each client ask one request after the other; what is to be cut is cut for SECONDS in the midst.
async function whileCut(target: string, meanwhile: () => Promise<void> = async () => undefined): Promise<Course> {
  const seen: Seen[] = [];
  const waiting = new Set<() => void>();
  let over = false;
  const one = async (client: Client) => {
    const gateway = network.ready.cities!.find((city) => city.name === client.city)!.gateways[client.entry];
    for (let i = 0; !over; ++i) {
      seen.push(await ask(client, gateway, `${client.name}, ${i}`));
      waiting.forEach((wake) => wake());
    }
  };
  // Until each kind of client has got so many more answers that it asked for from that moment on.
  const each = async (count: number, from = performance.now()) => {
    const enough = () => clients().every((client) => seen.filter((entry) => entry.client === client.name && entry.began > from && entry.finished).length >= count);
    await new Promise<void>((resolve) => {
      const look = () => {
        if (enough()) {
          waiting.delete(look);
          resolve();
        }
      };
      waiting.add(look);
    });
  };
  const running = [...clients(), ...clients()].map(one);
  await each(6);
  const cutAt = performance.now();
  operate(network, 'chaos', 'cut', target);
  await Promise.all([each(1, cutAt + SECONDS * 1000), meanwhile()]);
  const healedAt = performance.now();
  operate(network, 'chaos', 'heal', target);
  await each(40);
  over = true;
  await Promise.all(running);
  const all = (from: number, to: number) => seen.filter((entry) => entry.began >= from && entry.began < to);
  const answered = (entry: Seen) => entry.began + entry.firstMs < cutAt;
  return {before: all(0, cutAt).filter(answered), struck: all(0, cutAt).filter((entry) => !answered(entry)), during: all(cutAt, healedAt), after: all(healedAt, Infinity), cutAt, healedAt};
}

const middle = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
const usual = (course: Course, client: string): number => middle(course.before.filter((entry) => entry.client === client).map((entry) => entry.firstMs));
const everything = (course: Course): Seen[] => [...course.before, ...course.struck, ...course.during, ...course.after];

// No request fails that had not begun to be answered, and nobody is served outside a fence.
function expectServed(course: Course): void {
  const all = everything(course);
  expect(all.length).toBeGreaterThan(100);
  expect(all.filter((entry) => !entry.started).map((entry) => [entry.client, entry.trouble])).toEqual([]);
  expect(all.filter((entry) => !entry.finished && !entry.trouble.includes('stream_interrupted'))).toEqual([]);
  expect(all.filter((entry) => entry.client.startsWith('fenced') && !['frankfurt', 'paris'].includes(entry.served))).toEqual([]);
}

// What the cut costs those that ask: `worst` until it is known, then nothing but the way to another site.
function expectDetected(course: Course, worst: number): void {
  const farther = 400; // ms: another site, slower or farther, and not yet warm
  const added = (entry: Seen) => entry.firstMs - usual(course, entry.client);
  const known = course.cutAt + WAY_FOUND_DEAD + SLACK;
  const struck = (from: number, to: number, least: number) => everything(course).filter((entry) => entry.began >= from && entry.began < to && added(entry) > least).map((entry) => [entry.client, Math.round(entry.began - course.cutAt), Math.round(added(entry))]);
  expect(struck(0, known, worst + SLACK), 'before it was known').toEqual([]);
  expect(struck(known, course.healedAt, farther + SLACK), 'after it was known').toEqual([]);
}

// How long after the heal the first request was served there again.
function expectUsedAgain(course: Course, site: string): void {
  const first = course.after.find((entry) => entry.served === site);
  expect(first, `${site} is used again`).toBeDefined();
  expect(first!.began + first!.firstMs - course.healedAt).toBeLessThan(USED_AGAIN + usual(course, first!.client) + SLACK);
}

const LONG = (SECONDS + 60) * 1000;

test('control is cut from everything: nobody notices', async () => {
  const course = await whileCut('control');
  expectServed(course);
  expectDetected(course, 0);
  expect(everything(course).filter((entry) => !entry.finished)).toEqual([]);
  // Its books are whole again by themselves.
  operate(network, 'usage', '--wait', '20');
}, LONG);

test('two sites are cut from each other: requests go elsewhere, and back when it heals', async () => {
  const course = await whileCut('frankfurt-paris');
  expectServed(course);
  expectDetected(course, TURN_FOUND_DEAD);
  expect(course.before.filter((entry) => entry.client.startsWith('asks Paris')).slice(-4).map((entry) => entry.served)).toEqual(Array(4).fill('frankfurt'));
  expectUsedAgain(course, 'frankfurt');
}, LONG);

test('a site is cut from everything: the others serve, and it comes back by itself', async () => {
  // Control has it for away after ten seconds, though its connections are open, and then for there again.
  const shown = (state: string) => expect.poll(() => operate(network, 'top', '--once'), {timeout: 20_000}).toMatch(new RegExp(`^frankfurt +${state}`, 'm'));
  const course = await whileCut('frankfurt', () => shown('away'));
  await shown('active');
  expectServed(course);
  expectDetected(course, TURN_FOUND_DEAD);
  expectUsedAgain(course, 'frankfurt');
  operate(network, 'usage', '--wait', '20');
}, LONG);
