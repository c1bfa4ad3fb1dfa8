// A hosted engine in a network: reached by every gateway through the edge of its site, which alone
// holds its key and looks at its certificate.
import {readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {Authority} from '../harness/certificates.ts';
import {send} from '../harness/client.ts';
import {manifestText} from '../harness/manifests.ts';
import {chat, edgeState, type Network, operate, startNetwork} from '../harness/network.ts';
import {cleanUp, tempFolder} from '../harness/process.ts';
import {Upstream} from '../harness/upstream.ts';

const KEY = 'key-of-the-hosted-engine-40c19e';

let network: Network;
let upstream: Upstream;
let keyFile: string;

const manifest = (url: string): string =>
  manifestText([
    {apiVersion: 'tdn/v1', kind: 'Model', metadata: {name: 'hosted'}, spec: {price: {currency: 'USD', perMillion: {input: '1', output: '2'}}}},
    {
      apiVersion: 'tdn/v1',
      kind: 'Endpoint',
      metadata: {name: 'hosted-1'},
      spec: {site: 'paris', kind: 'openai', url, models: [{model: 'hosted', as: 'upstream-model'}], credential: {file: 'hosted.key'}},
    },
  ]);

beforeAll(async () => {
  const authority = new Authority();
  upstream = await Upstream.start(0, authority.issue('localhost'));
  // What every edge of the network trusts instead of the machine's own authorities.
  process.env['SSL_CERT_FILE'] = authority.certificate.file;
  network = await startNetwork();
  delete process.env['SSL_CERT_FILE'];
  keyFile = path.join(edgeState(network, 'paris'), 'hosted.key');
  writeFileSync(keyFile, `${KEY}\n`, {mode: 0o600});
  const file = path.join(tempFolder('manifests'), 'hosted.yaml');
  writeFileSync(file, manifest(upstream.url));
  operate(network, 'apply', '-f', file);
});
afterAll(async () => {
  await cleanUp();
  await upstream.stop();
});

const ask = (site: string) => send(network.ready.sites.find((one) => one.name === site)!.gateway, {...chat(network.ready), body: {...chat(network.ready).body, model: 'hosted'}});

// What a probe must find out first takes a moment; 15 s end what hangs.
async function until(site: string, status: number): Promise<void> {
  for (const end = Date.now() + 15_000; ; ) {
    const reply = await ask(site);
    if (reply.status === status) {
      return;
    }
    expect(Date.now(), reply.body).toBeLessThan(end);
  }
}

test('every gateway reaches it through the edge of its site', async () => {
  for (const site of ['paris', 'frankfurt', 'ashburn']) {
    await until(site, 200);
    const reply = await ask(site);
    expect(reply.status, reply.body).toBe(200);
    expect(reply.headers['tdn-route']).toMatch(/^paris\/hosted-1;/);
  }
  const keys = upstream.asked.map((seen) => seen.headers.find(([name]) => name.toLowerCase() === 'authorization')![1]);
  expect(new Set(keys)).toEqual(new Set([`Bearer ${KEY}`]));
});

test('its key is in the file and nowhere else of the network', async () => {
  const holding: string[] = [];
  const look = (folder: string): void => {
    for (const name of readdirSync(folder)) {
      const full = path.join(folder, name);
      if (statSync(full).isDirectory()) {
        look(full);
      } else if (readFileSync(full).includes(KEY)) {
        holding.push(full);
      }
    }
  };
  look(network.state);
  expect(holding).toEqual([keyFile]);
  expect(network.process.output.includes(KEY)).toBe(false);
  expect(operate(network, 'get', 'endpoints', '-o', 'yaml').includes(KEY)).toBe(false);
});

test('without its key the site leaves it out, and SIGHUP brings it back', async () => {
  const edge = network.ready.sites.find((one) => one.name === 'paris')!.pids.edge;
  rmSync(keyFile);
  process.kill(edge, 'SIGHUP');
  await until('paris', 503);
  await until('frankfurt', 503);
  expect((await send(network.ready.gateway, chat(network.ready))).status, 'all else goes on').toBe(200);
  writeFileSync(keyFile, `${KEY}\n`, {mode: 0o600});
  process.kill(edge, 'SIGHUP');
  await until('paris', 200);
  await until('frankfurt', 200);
});
