// Three sites and their control: every client's count, every edge's books and control's books say
// the same, whoever serves, whoever is away.
import OpenAI from 'openai';
import {afterAll, afterEach, describe, expect, test} from 'vitest';
import {send, stream, sumUp} from '../harness/client.ts';
import {totals, usage} from '../harness/edge.ts';
import {readJournal} from '../harness/journal.ts';
import {makeKey} from '../harness/keys.ts';
import {askPlain, askStreamed, FAST, type Sight} from '../harness/load.ts';
import {Network} from '../harness/parts.ts';
import {cleanUp} from '../harness/process.ts';

let network: Network;
afterEach(async () => network.stop());
afterAll(cleanUp);

const chat = (network: Network, content: string, more: object = {}) => ({
  path: '/v1/chat/completions',
  key: network.key.secret,
  body: {model: 'smollm2', messages: [{role: 'user', content}], max_tokens: 8, ...more},
});
const outputOf = (sights: Sight[]) => sights.reduce((sum, one) => sum + one.output, 0);

test('the SDK at each gateway: the books of client, edges and control are equal', async () => {
  network = await Network.start();
  const count = {requests: 0, input: 0, output: 0};
  for (const site of network.sites) {
    const client = new OpenAI({baseURL: `${site.gateway}/v1`, apiKey: network.key.secret, maxRetries: 0});
    const plain = await client.chat.completions.create({model: 'smollm2', messages: [{role: 'user', content: 'hi'}], max_tokens: 5});
    const events = await client.chat.completions.create({model: 'smollm2', messages: [{role: 'user', content: 'hi there'}], max_tokens: 9, stream: true, stream_options: {include_usage: true}});
    const usages = [plain.usage];
    for await (const event of events) {
      usages.push(event.usage ?? undefined);
    }
    for (const one of usages.filter((each) => each)) {
      ++count.requests;
      count.input += one!.prompt_tokens;
      count.output += one!.completion_tokens;
    }
  }
  expect(count.requests).toBe(6);
  const central = totals(network.usage('model'));
  expect([central.requests, central.input + central.cachedInput, central.output]).toEqual([count.requests, count.input, count.output]);
  const local = network.sites.map((site) => totals(usage(site.state)));
  expect(local.map((one) => one.requests)).toEqual([2, 2, 2]);
  expect(local.reduce((sum, one) => sum + one.output, 0)).toBe(count.output);
});

test('a site whose engine stopped sells what another site serves: one bought, one sold, one bill', async () => {
  network = await Network.start();
  await network.site('frankfurt').engine.process.end('SIGKILL');
  const reply = await send(network.site('frankfurt').gateway, chat(network, 'who serves'));
  expect(reply.status, reply.body).toBe(200);
  expect(reply.headers['tdn-route']).toMatch(/^paris\//);
  const id = reply.headers['x-request-id'];
  const central = network.usage('site');
  expect(central.rows.map((row) => [row.by['site'], row.requests])).toEqual([['paris', '1']]);
  const bought = readJournal(network.site('frankfurt').state).records;
  const sold = readJournal(network.site('paris').state).records;
  expect([bought.map((one) => one.request), sold.map((one) => one.request)]).toEqual([[id], [id]]);
  expect(bought[0].reported).toEqual(sold[0].reported);
});

test('with control away service goes on, and what was used arrives after', async () => {
  network = await Network.start();
  await network.control!.end('SIGKILL');
  const sights: Sight[] = [];
  for (let i = 0; i < 51; ++i) {
    const site = network.sites[i % 3].name;
    sights.push(i % 2 ? await askPlain(network.target(site), 6) : await askStreamed(network.target(site), 6));
  }
  expect(sights.filter((one) => !one.finished)).toEqual([]);
  // An edge that starts meanwhile serves from what it kept.
  await network.site('ashburn').edge!.end('SIGKILL');
  await network.startEdge('ashburn');
  sights.push(await askPlain(network.target('ashburn'), 6));
  await network.startControl();
  const central = totals(network.usage('model', 30));
  expect([central.requests, central.output]).toEqual([sights.length, outputOf(sights)]);
});

test('a hundred changes of the catalogue under load drop no request', async () => {
  network = await Network.start();
  let stopped = false;
  const sights: Sight[] = [];
  const client = async (site: string) => {
    while (!stopped) {
      sights.push(await (sights.length % 2 ? askPlain(network.target(site), 6) : askStreamed(network.target(site), 20)));
    }
  };
  const clients = network.sites.flatMap((site) => [client(site.name), client(site.name)]);
  for (let i = 0; i < 100; ++i) {
    await network.apply([{apiVersion: 'tdn/v1', kind: 'Tenant', metadata: {name: 'changing'}, spec: {displayName: `change ${i}`}}]);
    await send(network.sites[i % 3].gateway, chat(network, 'between'));
  }
  stopped = true;
  await Promise.all(clients);
  expect(sights.filter((one) => !one.finished)).toEqual([]);
  expect(totals(network.usage('model')).requests).toBe(sights.length + 100);
}, 180_000);

describe('a key', () => {
  test('is good everywhere once it was issued, and nowhere once it was revoked', async () => {
    network = await Network.start();
    const issued = network.tdn(['key', 'issue', 'demo/playground/fresh', '-o', 'json']);
    expect(issued.status, issued.stderr).toBe(0);
    const key = (JSON.parse(issued.stdout) as {key: string}).key;
    const ask = async () => Promise.all(network.sites.map(async (site) => (await send(site.gateway, {...chat(network, 'hi'), key})).status));
    expect(await ask()).toEqual([200, 200, 200]);
    const revoked = network.tdn(['key', 'revoke', 'demo/playground/fresh']);
    expect(revoked.status, revoked.stderr).toBe(0);
    expect(await ask()).toEqual([401, 401, 401]);
  });
});

test('a fenced tenant is served inside its fence or not at all, and a wrong site keeps nothing', async () => {
  const key = makeKey();
  const fence = [
    {kind: 'Zone', metadata: {name: 'germany'}, spec: {countries: ['DE']}},
    {kind: 'Tenant', metadata: {name: 'fenced'}, spec: {}},
    {kind: 'Project', metadata: {name: 'fenced/p'}, spec: {}},
    {kind: 'Policy', metadata: {name: 'fence'}, spec: {rules: [{match: {tenants: ['fenced']}, require: {zones: ['germany']}}]}},
  ].map((one) => ({apiVersion: 'tdn/v1', ...one}));
  network = await Network.start({more: fence, keys: [{name: 'fenced/p/k', key}]});
  const ask = (site: string) => send(network.site(site).gateway, {...chat(network, 'CANARY-prompt'), key: key.secret});
  const home = await ask('frankfurt');
  expect([home.status, String(home.headers['tdn-route']).split('/')[0]]).toEqual([200, 'frankfurt']);
  for (const site of ['paris', 'ashburn']) {
    const reply = await ask(site);
    expect([reply.status, JSON.parse(reply.body).error.code]).toEqual([421, 'wrong_site']);
    expect(reply.body).toContain(network.site('frankfurt').gateway);
  }
  await network.site('frankfurt').engine.process.end('SIGKILL');
  const refused = await ask('frankfurt');
  expect([refused.status, JSON.parse(refused.body).error.code]).toEqual([503, 'zone_unavailable']);
  const rows = network.usage('site').rows.filter((row) => row.by['site'] !== 'frankfurt');
  expect(rows).toEqual([]);
});

test('a peer that dies in the middle of a stream: told honestly, billed for what came', async () => {
  network = await Network.start({timing: FAST.replace('base: 0.0001', 'base: 0.004')});
  await network.site('frankfurt').engine.process.end('SIGKILL');
  let killed = false;
  const seen = await stream(network.site('frankfurt').gateway, chat(network, 'long', {stream: true, max_tokens: 2000, stream_options: {include_usage: true}}), {
    onEvent: (_, count) => {
      if (count === 300 && !killed) {
        killed = true;
        process.kill(network.site('paris').edge!.pid, 'SIGKILL');
      }
    },
  });
  const sum = sumUp(seen);
  expect(seen.headers['tdn-route']).toMatch(/^paris\//);
  expect([sum.error?.code, sum.done, sum.finish]).toEqual(['stream_interrupted', false, null]);
  await network.startEdge('paris');
  const central = totals(network.usage('model', 30));
  expect(central.requests).toBe(1);
  expect(central.output).toBeGreaterThanOrEqual(290);
  expect(central.output).toBeLessThan(2000);
});
