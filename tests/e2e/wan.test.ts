// Sites that are really apart: a scenario runs through `tdn wan`, `tdn chaos` breaks it in every way that there
// is and heals it, and it stops while it is broken.
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {errorOf, send, stream, sumUp} from '../harness/client.ts';
import {chat, children, gone, type Network, operate, type Ready, startNetwork} from '../harness/network.ts';
import {alive, cleanUp, fileBecomes, ROOT, startReady, TDN, tdn, tempFolder, within} from '../harness/process.ts';

afterAll(cleanUp);

interface Broken {
  what: string;
  target: string;
  addedMs: number;
  since: string;
}
interface Link {
  from: string;
  to: string;
  listen: string;
  target: string;
  state: string;
}

const chaos = (network: Network, ...words: string[]) => operate(network, 'chaos', ...words);
const broken = (network: Network): Broken[] => JSON.parse(chaos(network, 'list', '-o', 'json')).broken;
const gateway = (ready: Ready, city: string, site: string): string => ready.cities!.find((one) => one.name === city)!.gateways[site];
const stateOf = (pid: number): string => readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '')[0];
const pidsOf = (ready: Ready, site: string) => Object.values(ready.sites.find((one) => one.name === site)!.pids);

// A round trip between two regions, from the matrix that comes with the source.
function rtt(from: string, to: string): number {
  const [head, ...rows] = readFileSync(path.join(ROOT, 'scenarios/data/rtt_aws21_ms.csv'), 'utf8').trim().split(/\r?\n/).map((line) => line.split(','));
  return Number(rows.find((row) => row[0] === from)![head.indexOf(to)]);
}

async function timed<T>(what: Promise<T>): Promise<{took: number; value: T}> {
  const begin = performance.now();
  const value = await what;
  return {took: performance.now() - begin, value};
}

// The ready file once everything runs that ran before, as other processes.
const healed = (network: Network, died: number[]) =>
  fileBecomes<Ready>(network.readyFile, (now) => children(now).length === children(network.ready).length && children(now).every((pid) => !died.includes(pid)), 30_000);

describe('three sites', () => {
  let network: Network;
  beforeAll(async () => {
    network = await startNetwork(); // what tdn up runs if nothing else is said
  }, 60_000);

  test('a client of a city needs its round trips: one to connect, one to be answered', async () => {
    const {ready} = network;
    expect(ready.scenario).toBe('three');
    expect(ready.pids.wan).toBeGreaterThan(0);
    expect(ready.cities!.map((city) => city.name)).toContain('new-york');
    await network.process.said(/new-york +ashburn +http/);
    const access = 7; // of New York
    for (const [site, region] of [['ashburn', 'us-east-1'], ['frankfurt', 'eu-central-1']]) {
      const {took, value} = await timed(send(gateway(ready, 'new-york', site), chat(ready)));
      expect(value.status, value.body).toBe(200);
      expect(took, site).toBeGreaterThanOrEqual(2 * (rtt('us-east-1', region) + access));
    }
  });

  test('kill: edge and engine are gone until they are healed, the others serve on', async () => {
    const before = network.ready;
    const dead = pidsOf(before, 'frankfurt');
    expect(chaos(network, 'kill', 'frankfurt')).toMatch(/^kill +frankfurt /m);
    gone(dead);
    await expect(send(gateway(before, 'berlin', 'frankfurt'), chat(before))).rejects.toThrow(/ECONNRESET|socket hang up/);
    const served = await send(gateway(before, 'berlin', 'paris'), chat(before));
    expect([served.status, served.headers['tdn-route']]).toEqual([200, expect.stringMatching(/^paris\//)]);
    await network.process.said(/edge of frankfurt was killed, and stays down/);
    expect(broken(network)).toEqual([{what: 'kill', target: 'frankfurt', addedMs: 0, since: expect.stringMatching(/^20/)}]);

    expect(chaos(network, 'heal', 'frankfurt')).toBe('nothing is broken any more (what was killed takes a moment to start)\n');
    const after = await healed(network, dead);
    network.ready = after;
    const again = await send(gateway(after, 'berlin', 'frankfurt'), chat(after));
    expect(again.status, 'the same address as before').toBe(200);
    expect(gateway(after, 'berlin', 'frankfurt')).toBe(gateway(before, 'berlin', 'frankfurt'));
  });

  test('kill control: sites serve without it, and it comes back when it is healed', async () => {
    const {control} = network.ready.pids;
    chaos(network, 'kill', 'control');
    gone([control]);
    expect((await send(network.ready.gateway, chat(network.ready))).status).toBe(200);
    expect(tdn(['usage', '--state', network.state]).stderr).toMatch(/control/);
    chaos(network, 'heal', 'control');
    network.ready = await healed(network, [control]);
    operate(network, 'usage', '--wait', '5');
  });

  test('pause: edge and engine stand still, and go on', async () => {
    const pids = pidsOf(network.ready, 'paris');
    chaos(network, 'pause', 'paris');
    expect(pids.map(stateOf)).toEqual(['T', 'T']);
    const asked = send(gateway(network.ready, 'lyon', 'paris'), chat(network.ready));
    // Another way works meanwhile: that the first has no answer is not for lack of time.
    expect((await send(gateway(network.ready, 'lyon', 'frankfurt'), chat(network.ready))).status).toBe(200);
    expect(pids.map(stateOf)).toEqual(['T', 'T']);
    chaos(network, 'heal');
    expect((await within(20_000, 'an answer after all', asked)).status).toBe(200);
    expect(pidsOf(network.ready, 'paris').every(alive)).toBe(true);
  });

  test('cut: a black hole between two, which ends when it is healed', async () => {
    let answered = false;
    expect(chaos(network, 'cut', 'frankfurt-berlin')).toMatch(/^cut +berlin-frankfurt /m);
    const asked = send(gateway(network.ready, 'berlin', 'frankfurt'), chat(network.ready)).finally(() => (answered = true));
    const other = await timed(send(gateway(network.ready, 'new-york', 'frankfurt'), chat(network.ready)));
    expect([other.value.status, answered]).toEqual([200, false]);
    chaos(network, 'heal', 'berlin-frankfurt');
    expect((await within(20_000, 'the answer after the cut', asked)).status).toBe(200);
  });

  test('cut between sites: each still serves, and hears of the other again', async () => {
    chaos(network, 'cut', 'paris');
    const served = await send(gateway(network.ready, 'berlin', 'frankfurt'), chat(network.ready));
    expect([served.status, served.headers['tdn-route']]).toEqual([200, expect.stringMatching(/^frankfurt\//)]);
    chaos(network, 'heal');
    expect((await within(20_000, 'Paris after the cut', send(gateway(network.ready, 'lyon', 'paris'), chat(network.ready)))).status).toBe(200);
  });

  test('reset: open streams break, new ones too, until it is healed', async () => {
    let told = false;
    const seen = await stream(gateway(network.ready, 'berlin', 'frankfurt'), chat(network.ready, {stream: true, max_tokens: 2000}), {
      onEvent: () => {
        if (!told) {
          told = true;
          chaos(network, 'reset', 'berlin-frankfurt');
        }
      },
    });
    expect([seen.cut, sumUp(seen).done]).toEqual([true, false]);
    await expect(send(gateway(network.ready, 'berlin', 'frankfurt'), chat(network.ready))).rejects.toThrow(/ECONNRESET|socket hang up/);
    chaos(network, 'heal', 'berlin-frankfurt');
    expect((await send(gateway(network.ready, 'berlin', 'frankfurt'), chat(network.ready))).status).toBe(200);
  });

  test('slow: each round trip takes as much longer as was said', async () => {
    expect(chaos(network, 'slow', 'berlin-frankfurt', '--ms', '300')).toMatch(/^slow +berlin-frankfurt +300 ms /m);
    const {took, value} = await timed(send(gateway(network.ready, 'berlin', 'frankfurt'), chat(network.ready)));
    expect(value.status).toBe(200);
    expect(took).toBeGreaterThanOrEqual(2 * (300 + 8 + rtt('eu-central-1', 'eu-central-1')));
    chaos(network, 'heal');
  });

  test('links that died come back where they were, and as broken as they were', async () => {
    const {wan} = network.ready.pids;
    chaos(network, 'reset', 'osaka');
    process.kill(wan!, 'SIGKILL');
    const after = await fileBecomes<Ready>(network.readyFile, (now) => now.pids.wan !== null && now.pids.wan !== wan, 30_000);
    expect(after.cities).toEqual(network.ready.cities);
    network.ready = after;
    expect((await send(gateway(after, 'berlin', 'frankfurt'), chat(after))).status).toBe(200);
    await expect(send(gateway(after, 'osaka', 'frankfurt'), chat(after))).rejects.toThrow(/ECONNRESET|socket hang up/);
    chaos(network, 'heal', 'osaka');
    expect((await send(gateway(after, 'osaka', 'frankfurt'), chat(after))).status).toBe(200);
  });

  test('what makes no sense is refused in a line that says what would', () => {
    const refused = (...words: string[]) => {
      const result = tdn(['chaos', ...words, '--state', network.state]);
      expect([result.status, result.stdout]).toEqual([1, '']);
      expect(result.stderr.trim().split('\n')).toHaveLength(1);
      return result.stderr;
    };
    expect(refused('kill', 'rome')).toMatch(/no site 'rome'.*frankfurt, paris, ashburn, control/);
    expect(refused('cut', 'rome-paris')).toMatch(/there is no 'rome-paris'/);
    expect(refused('heal', 'paris')).toMatch(/not broken/);
    expect(broken(network)).toEqual([]);
  });

  test('stops in its time while it is paused, killed and cut', async () => {
    chaos(network, 'pause', 'paris');
    chaos(network, 'kill', 'ashburn');
    chaos(network, 'pause', 'control');
    chaos(network, 'cut', 'all');
    expect(chaos(network, 'list').trim().split('\n')).toHaveLength(5);
    const pids = children(network.ready).filter(alive);
    const {took, value} = await timed(network.process.end('SIGTERM'));
    expect(value).toEqual({code: 0, signal: null});
    expect(took).toBeLessThan(10_500);
    gone(pids);
    expect(tdn(['chaos', 'list', '--state', network.state]).stderr).toMatch(/no network runs in .*start one with `tdn up`/);
  });
});

test('sites without distances: the same three by --scenario none', async () => {
  const network = await startNetwork({more: ['--scenario', 'none']});
  expect([network.ready.pids.wan, network.ready.cities, network.ready.sites.map((site) => site.name)]).toEqual([null, undefined, ['frankfurt', 'paris', 'ashburn']]);
  expect((await send(network.ready.gateway, chat(network.ready))).status).toBe(200);
  await network.process.end();
});

test('sites without distances can be killed and not cut', async () => {
  const file = path.join(tempFolder('sites'), 'sites.yaml');
  writeFileSync(file, "apiVersion: tdn/v1\nkind: Site\nmetadata: {name: oslo}\nspec: {location: {country: 'NO', latitude: 59.9, longitude: 10.7}}\n");
  const network = await startNetwork({more: ['--sites', file]});
  expect([network.ready.pids.wan, network.ready.cities]).toEqual([null, undefined]);
  expect(tdn(['chaos', 'cut', 'oslo', '--state', network.state]).stderr).toMatch(/--scenario three/);
  const dead = pidsOf(network.ready, 'oslo');
  chaos(network, 'kill', 'oslo');
  gone(dead);
  chaos(network, 'heal');
  const after = await healed(network, dead);
  expect((await send(after.gateway, chat(after))).status).toBe(200);
  await network.process.end();
});

test('sovereign: a tenant is served by German-operated sites only, also where others are nearer', async () => {
  const network = await startNetwork({more: ['--scenario', 'sovereign']});
  const {key} = JSON.parse(operate(network, 'key', 'issue', 'ministry/archive/desk', '-o', 'json'));
  const ask = (city: string, site: string) => send(gateway(network.ready, city, site), {...chat(network.ready), key});
  for (const site of ['frankfurt', 'munich']) {
    const reply = await ask('hamburg', site);
    expect([reply.status, reply.headers['tdn-route']]).toEqual([200, expect.stringMatching(/^(frankfurt|munich)\//)]);
  }
  for (const [city, site] of [['hamburg', 'berlin'], ['lyon', 'paris']]) {
    const reply = await ask(city, site);
    expect([reply.status, errorOf(reply).code], site).toEqual([421, 'wrong_site']);
  }
  // The demo tenant may go anywhere. After another scenario the tenant that an operator gave a key is there, and so is its
  // fence; without that key the network has nothing of this one.
  expect((await send(gateway(network.ready, 'lyon', 'paris'), chat(network.ready))).status).toBe(200);
  expect(operate(network, 'get', 'policies')).toMatch(/ministry-stays-german-operated/);
  await network.process.end();
  const next = await startNetwork({state: network.state});
  expect(operate(next, 'get', 'policies')).toMatch(/ministry-stays-german-operated/);
  expect(operate(next, 'get', 'sites')).not.toMatch(/munich/);
  const outside = await send(next.ready.sites[0]!.gateway, {...chat(next.ready), key});
  expect(outside.status, outside.body).not.toBe(200);
  await next.process.end();
});

test('planet-twelve: every city is served, the engines need no flag', async () => {
  const state = path.join(tempFolder('planet'), 'state');
  const readyFile = path.join(tempFolder('up'), 'ready.json');
  const network = await startReady<Ready>([TDN, 'up', '--scenario', 'planet-twelve', '--state', state, '--ports', 'auto', '--ready-file', readyFile], readyFile, 120_000);
  const {ready} = network;
  expect([ready.sites.length, ready.cities!.length]).toEqual([12, 12]);
  for (const city of ready.cities!) {
    const [[site, url]] = Object.entries(city.gateways);
    const reply = await send(url, chat(ready));
    expect([reply.status, city.name, site], reply.body).toEqual([200, city.name, site]);
  }
  const pids = children(ready);
  await network.process.end();
  gone(pids);
}, 180_000);

test('tdn wan by itself: links by hand, faults by its door, wrong files told with their place', async () => {
  const folder = tempFolder('wan');
  const config = path.join(folder, 'links.yaml');
  const readyFile = path.join(folder, 'ready.json');
  const token = path.join(folder, 'token');
  writeFileSync(token, 'open sesame\n');
  writeFileSync(config, `control: {tokenFile: ${token}}\nlinks:\n  - {from: a, to: b, target: "127.0.0.1:1", rttMs: 30}\n`);
  const wan = await startReady<{wan: string; links: Link[]}>([TDN, 'wan', '--config', config, '--ready-file', readyFile], readyFile, 20_000);
  const ask = (method: string, at: string, body?: unknown, key = 'open sesame') => send(wan.ready.wan, {method, path: at, key, body});
  expect((await ask('GET', '/v1/links', undefined, 'wrong')).status).toBe(401);
  const links: Link[] = JSON.parse((await ask('GET', '/v1/links')).body).links;
  expect(links).toMatchObject([{from: 'a', to: 'b', target: '127.0.0.1:1', state: 'normal'}]);
  const cut = await ask('PUT', '/v1/faults', {faults: [{target: 'a-b', state: 'cut'}]});
  expect(JSON.parse(cut.body).links[0].state).toBe('cut');
  expect(errorOf(await ask('PUT', '/v1/faults', {faults: [{target: 'c', state: 'cut'}]})).message).toMatch(/there is no 'c' here/);
  expect((await wan.process.end('SIGTERM')).code).toBe(0);

  writeFileSync(config, `control: {tokenFile: ${token}}\nlinks:\n  - {from: a, to: b, target: "10.1.1.1:1", rttMs: 30}\n`);
  expect(tdn(['wan', '--config', config]).stderr).toMatch(/links\.yaml:3:\d+: target: give an address on loopback/);
});

test.each([
  ['a name that there is not', ['--scenario', 'atlantis'], /no scenario of that name; there are .*planet-twelve/],
  ['engines that nobody chose', ['--scenario', 'three'], /give --model FILE or --simulated/],
])('tdn up refuses %s', (_, flags, told) => {
  const result = tdn(['up', ...flags, '--ports', 'auto', '--state', path.join(tempFolder(), 'state')]);
  expect([result.status, result.stdout]).toEqual([1, '']);
  expect(result.stderr).toMatch(told);
});
