// The scenario `hosted`: two sites of one's own and a model of somebody else, over https, at its distance. The
// service is one that records what it is asked, with a certificate that the network is told to trust.
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {afterAll, expect, test} from 'vitest';
import {Authority} from '../harness/certificates.ts';
import {type Reply, send} from '../harness/client.ts';
import {chat, type Network, operate, startNetwork} from '../harness/network.ts';
import {cleanUp, ROOT, tempFolder} from '../harness/process.ts';
import {Upstream} from '../harness/upstream.ts';

afterAll(cleanUp);

const SCENARIO = readFileSync(path.join(ROOT, 'scenarios/hosted.yaml'), 'utf8');

function from(network: Network, city: string, site: string): (model: string) => Promise<Reply> {
  const call = chat(network.ready);
  const gateway = network.ready.cities!.find((one) => one.name === city)!.gateways[site];
  return (model) => send(gateway, {...call, body: {...call.body, model}});
}

test('the hosted model is reached through its site, with the key from the environment', async () => {
  const authority = new Authority();
  const upstream = await Upstream.start(0, authority.issue('localhost'));
  const file = path.join(tempFolder('hosted'), 'hosted.yaml');
  expect(SCENARIO).toContain('https://api.openai.com');
  writeFileSync(file, SCENARIO.replace('https://api.openai.com', upstream.url));
  const environment = [`SSL_CERT_FILE=${authority.certificate.file}`, 'OPENAI_API_KEY=key-of-the-service'];
  const network = await startNetwork({under: ['env', ...environment], more: ['--scenario', file]});
  const ask = from(network, 'berlin', 'frankfurt');
  await expect.poll(async () => (await ask('hosted-model')).status, {timeout: 15_000}).toBe(200); // until Frankfurt has heard that it is up
  const reply = await ask('hosted-model');
  expect(reply.headers['tdn-route']).toMatch(/^ashburn\/hosted-1;/);
  expect(upstream.asked.at(-1)!.headers).toContainEqual([expect.stringMatching(/^authorization$/i), 'Bearer key-of-the-service']);
  expect((await ask(network.ready.model)).headers['tdn-route']).toMatch(/^frankfurt\//);
  // What it cost stands in the bill under its own price; its key stands nowhere.
  expect(operate(network, 'usage', '--by', 'model', '--wait', '10')).toMatch(/hosted-model/);
  expect(operate(network, 'get', 'endpoints', '-o', 'yaml')).not.toContain('key-of-the-service');
  await network.process.end();
  await upstream.stop();
});

test('without the key its endpoint is left out, and all else works', async () => {
  const network = await startNetwork({under: ['env', '-u', 'OPENAI_API_KEY'], more: ['--scenario', 'hosted']});
  const ask = from(network, 'new-york', 'ashburn');
  expect((await ask(network.ready.model)).status).toBe(200);
  const refused = await ask('hosted-model');
  expect(refused.status, refused.body).toBe(503);
  expect(operate(network, 'explain', '--site', 'ashburn', '--model', 'hosted-model', '--prompt', 'hello')).toMatch(/hosted-1/);
  await network.process.end();
});
