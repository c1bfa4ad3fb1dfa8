// Engines that are reached over https with a key of ours: the certificate decides, the key is sent to
// the engine and to nobody else, and what is wrong is said by name.
import {readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {Authority} from '../harness/certificates.ts';
import {errorOf, type Reply, send, stream} from '../harness/client.ts';
import {type Edge, startEdge, totals, usage} from '../harness/edge.ts';
import {writeWorld} from '../harness/manifests.ts';
import {cleanUp, tempFolder} from '../harness/process.ts';
import {answers, Upstream} from '../harness/upstream.ts';

const FILE_KEY = 'key-in-a-file-8c1f0b6a';
const NEXT_KEY = 'key-in-a-file-after-5d20e7f3';
const ENV_KEY = 'key-in-the-environment-77ab91c4';
const SECRETS = [FILE_KEY, NEXT_KEY, ENV_KEY];

let authority: Authority;
let upstreams: Record<'file' | 'env' | 'expired' | 'other' | 'stranger', Upstream>;
let edge: Edge;
let keyFile: string;
const replies: Reply[] = [];

beforeAll(async () => {
  authority = new Authority();
  const good = authority.issue('localhost');
  upstreams = {
    file: await Upstream.start(0, good),
    env: await Upstream.start(0, good),
    expired: await Upstream.start(0, authority.issue('localhost', true)),
    other: await Upstream.start(0, authority.issue('elsewhere.example')),
    stranger: await Upstream.start(0, new Authority('nobody known').issue('localhost')),
  };
  const folder = tempFolder('manifests');
  keyFile = path.join(folder, 'upstream.key');
  writeFileSync(keyFile, `${FILE_KEY}\n`, {mode: 0o600});
  const names = Object.keys(upstreams) as (keyof typeof upstreams)[];
  const {file, key} = writeWorld(folder, {
    models: Object.fromEntries(names.map((name) => [name, {}])),
    endpoints: names.map((name) => ({
      name: `${name}-1`,
      url: name === 'env' ? `${upstreams[name].url}/some/prefix` : upstreams[name].url,
      model: name,
      as: 'upstream-model',
      more: {credential: name === 'env' ? {env: 'TDN_TEST_KEY'} : {file: 'upstream.key'}},
    })),
  });
  process.env['TDN_TEST_KEY'] = ENV_KEY;
  edge = await startEdge({manifests: file, key, extra: ['--upstream-ca', authority.certificate.file], shards: 1});
});
afterAll(async () => {
  await cleanUp();
  await Promise.all(Object.values(upstreams).map((one) => one.stop()));
});

const body = (model: string, more: object = {}) => ({model, max_tokens: 8, messages: [{role: 'user', content: 'Where is Paris?'}], ...more});
async function ask(model: string, where = '/v1/chat/completions'): Promise<Reply> {
  const reply = await send(edge.gateway, {path: where, key: edge.key, body: body(model)});
  replies.push(reply);
  return reply;
}
// An endpoint that a probe has found down meanwhile comes back with the next one.
async function served(model: string): Promise<void> {
  for (const end = Date.now() + 10_000; (await ask(model)).status !== 200; ) {
    expect(Date.now(), `${model} is served again`).toBeLessThan(end);
  }
}
const sent = (upstream: Upstream): (string | undefined)[] => upstream.asked.map((seen) => seen.headers.find(([name]) => name.toLowerCase() === 'authorization')?.[1]);

test('an engine behind TLS answers, whole and streamed, over one connection, and is booked', async () => {
  const {file} = upstreams;
  const whole = await ask('file');
  expect(whole.status, whole.body).toBe(200);
  expect(JSON.parse(whole.body).choices[0].message.content).toBe('Paris is it.');
  const seen = await stream(edge.gateway, {path: '/v1/chat/completions', key: edge.key, body: body('file', {stream: true})});
  expect(seen.cut).toBe(false);
  expect(seen.events.at(-1)).toBe('[DONE]');
  expect(file.asked.map((one) => one.path)).toEqual(['/v1/chat/completions', '/v1/chat/completions']);
  expect(sent(file)).toEqual([`Bearer ${FILE_KEY}`, `Bearer ${FILE_KEY}`]);
  expect(file.connections, 'the prober has one, requests share another').toBe(2);
  expect(totals(usage(edge.state)).requests).toBe(2);
});

test('a key from the environment, and a path before /v1', async () => {
  expect((await ask('env')).status).toBe(200);
  expect(upstreams.env.asked.at(-1)!.path).toBe('/some/prefix/v1/chat/completions');
  expect(sent(upstreams.env).at(-1)).toBe(`Bearer ${ENV_KEY}`);
});

test.each([
  ['expired', /endpoint is down.*expired-1.*the certificate of localhost is refused: it expired on/],
  ['other', /endpoint is down.*other-1.*it is for elsewhere.example, not for localhost/],
  ['stranger', /endpoint is down.*stranger-1.*its authority \(CN=nobody known\) is not one that this machine trusts/],
] as const)('a certificate that is not right (%s) is refused, and the reason told', async (name, reason) => {
  await edge.process.said(reason);
  const told = JSON.parse((await ask(name, '/tdn/v1/explain')).body) as {chosen: unknown; candidates: {excluded: string; why: string}[]};
  expect(told.chosen).toBeNull();
  expect(told.candidates[0]).toMatchObject({excluded: 'certificate', why: expect.stringContaining('its certificate is not accepted')});
  const refused = await ask(name);
  expect(refused.status).toBe(503);
  expect(errorOf(refused).code).toBe('zone_unavailable');
  expect(upstreams[name].received, 'not a byte of a request').toBe('');
});

test('a body without a length that is cut without an end of TLS is no answer', async () => {
  upstreams.file.behave = (_, response, socket) => {
    response.useChunkedEncodingByDefault = false;
    response.writeHead(200, {'content-type': 'application/json', connection: 'close'});
    response.write('{"choices":[{"index":0,"message":{"role":"assistant","content":"half', () => socket.destroy());
  };
  const reply = await ask('file');
  expect(reply.status).toBe(502);
  upstreams.file.behave = answers();
});

test('an engine that repeats the key in its refusal is not quoted', async () => {
  for (const status of [400, 404, 422]) {
    upstreams.file.behave = (_, response) => {
      response.writeHead(status, {'content-type': 'application/json', location: `http://10.0.0.7/${FILE_KEY}`});
      response.end(JSON.stringify({error: {message: `no model for Bearer ${FILE_KEY}`}}));
    };
    const reply = await ask('file');
    expect(reply.status).toBe(502);
    expect(errorOf(reply).code).toBe('upstream_error');
  }
  upstreams.file.behave = (_, response) => {
    response.writeHead(400, {'content-type': 'application/json', location: '/somewhere'});
    response.end(JSON.stringify({error: {message: 'too long', code: 'context_length_exceeded'}}));
  };
  const reply = await ask('file');
  expect([reply.status, errorOf(reply).code, reply.headers['location']]).toEqual([400, 'context_length_exceeded', undefined]);
  upstreams.file.behave = answers();
  await served('file');
});

test('a key is read again on SIGHUP; one that is missing leaves the endpoint out by name', async () => {
  writeFileSync(keyFile, `${NEXT_KEY}\r\n`);
  const reloaded = (count: number) => edge.process.said(new RegExp(`(manifests reloaded[^]*){${count}}`));
  edge.process.child.kill('SIGHUP');
  await reloaded(1);
  expect((await ask('file')).status).toBe(200);
  expect(sent(upstreams.file).at(-1)).toBe(`Bearer ${NEXT_KEY}`);

  rmSync(keyFile);
  edge.process.child.kill('SIGHUP');
  await reloaded(2);
  await edge.process.said(/endpoint cannot be used.*file-1.*its credential: there is no regular file .*upstream.key; create it/);
  const asked = upstreams.file.asked.length;
  const told = JSON.parse((await ask('file', '/tdn/v1/explain')).body) as {candidates: {excluded: string}[]};
  expect(told.candidates[0]!.excluded).toBe('credential');
  expect((await ask('file')).status).toBe(503);
  expect(upstreams.file.asked.length).toBe(asked);
  expect((await ask('env')).status, 'others go on').toBe(200);

  writeFileSync(keyFile, `${NEXT_KEY}\n`);
  edge.process.child.kill('SIGHUP');
  await reloaded(3);
  await served('file');
});

function filesIn(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const full = path.join(folder, name);
    return statSync(full).isDirectory() ? filesIn(full) : [full];
  });
}

test('the keys are in no log, no answer, no metric and no file of the edge', async () => {
  replies.push(await send(edge.admin, {path: '/metrics'}));
  await edge.process.end('SIGTERM');
  const files = filesIn(edge.state);
  expect(files.length).toBeGreaterThan(3);
  for (const secret of SECRETS) {
    expect(edge.process.output.includes(secret)).toBe(false);
    for (const reply of replies) {
      expect(reply.body.includes(secret) || JSON.stringify(reply.headers).includes(secret)).toBe(false);
    }
    for (const file of files) {
      expect(readFileSync(file).includes(secret), file).toBe(false);
    }
  }
  for (const upstream of Object.values(upstreams)) {
    expect(upstream.received.includes(edge.key), 'the key of the client').toBe(false);
  }
});
