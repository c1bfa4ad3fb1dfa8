// What is wrong is said in one clear line that names the thing and the remedy, and loses nothing.
import {spawnSync} from 'node:child_process';
import http from 'node:http';
import net from 'node:net';
import {mkdirSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {errorOf, inParallel, rawExchange, type Reply, send, stream, sumUp} from '../harness/client.ts';
import {type Edge, startEdge, startEngine, totals, usage} from '../harness/edge.ts';
import {makeKey} from '../harness/keys.ts';
import {documents, manifestText} from '../harness/manifests.ts';
import {cleanUp, type Result, startReady, TDN, tdn, tempFolder} from '../harness/process.ts';
import {Upstream, USAGE} from '../harness/upstream.ts';

let upstream: Upstream;

beforeAll(async () => {
  upstream = await Upstream.start();
});
afterAll(async () => {
  await cleanUp();
  await upstream.stop();
});

const world = () => ({endpoints: [{name: 'frankfurt-1', url: upstream.url, as: 'upstream-model'}]});
const chat = (edge: Edge, more: object = {}) => ({
  path: '/v1/chat/completions',
  key: edge.key,
  body: {model: 'smollm2', messages: [{role: 'user', content: 'hi'}], ...more},
});

// One line on stderr that says it, a failing status, and no trace of a crash.
function expectOneClearLine(result: Result, names: RegExp): void {
  expect(result.status, result.stderr).not.toBe(0);
  expect(result.status, 'ended by a signal or not at all').not.toBeNull();
  expect(result.stderr.trim().split('\n'), result.stderr).toHaveLength(1);
  expect(result.stderr).toMatch(names);
  expect(result.stderr).not.toMatch(/terminate|exception|assert|core dumped/i);
}

function edgeWith(manifests: string, more: string[] = []): Result {
  const folder = tempFolder('bad');
  const file = path.join(folder, 'bad.yaml');
  writeFileSync(file, manifests);
  return tdn(['edge', '--manifests', file, '--listen', '127.0.0.1:0', '--state', path.join(folder, 'state'), ...more]);
}

const good = (): string => manifestText(documents(world()));
const head = 'apiVersion: tdn/v1\nkind: Zone\nmetadata: {name: north}\n';
test.each([
  {what: 'a duplicate key', text: `${head}spec: {countries: [DE]}\nspec: {countries: [FR]}\n`, names: /bad\.yaml:\d+.*spec/},
  {what: 'an alias bomb', text: `${head}spec: {countries: &a [DE, DE], operators: [*a, *a]}\n`, names: /bad\.yaml:\d+.*(alias|anchor)/i},
  {what: 'a misspelt field', text: `${head}spec: {contries: [DE]}\n`, names: /bad\.yaml:\d+.*contries/},
  {what: 'an unknown kind', text: head.replace('Zone', 'Zona'), names: /bad\.yaml:\d+.*Zona/},
  {what: 'text where a list belongs', text: `${head}spec: {countries: DE}\n`, names: /bad\.yaml:\d+.*countries/},
  {what: 'no YAML at all', text: `${head}spec: {countries: [DE\n`, names: /bad\.yaml:\d+/},
  {what: 'an endpoint at a site that is not there', text: manifestText(documents({endpoints: [{name: 'x', site: 'nowhere', url: 'http://127.0.0.1:1'}]})), names: /nowhere/},
])('$what in a manifest is named with file and line', ({text, names}) => {
  expectOneClearLine(edgeWith(text), names);
});

test('a country NO stays Norway', async () => {
  const text = `${good()}---\n${head}spec: {countries: [NO]}\n`;
  const file = path.join(tempFolder(), 'no.yaml');
  writeFileSync(file, text);
  const edge = await startEdge({manifests: file, key: makeKey()});
  await edge.process.end();
  expectOneClearLine(edgeWith(`${good()}---\n${head}spec: {countries: [false]}\n`), /countries|country/);
});

test('a missing manifest file is named', () => {
  const state = path.join(tempFolder(), 'state');
  expectOneClearLine(tdn(['edge', '--manifests', '/nonexistent/m.yaml', '--listen', '127.0.0.1:0', '--state', state]), /\/nonexistent\/m\.yaml/);
});

test.each(['', 'up', 'edge', 'engine', 'usage', 'journal check', 'key new', 'apply', 'get', 'top', 'key issue'])('an unknown flag of `tdn %s` is named, with where the known ones are', (command) => {
  const result = tdn([...command.split(' ').filter(Boolean), '--no-such-flag']);
  expectOneClearLine(result, /--no-such-flag.*--help/);
  expect(result.status).toBe(2);
});

test('an unknown command is named', () => {
  const result = tdn(['no-such-role']);
  expectOneClearLine(result, /no-such-role.*--help/);
  expect(result.status).toBe(2);
});

test('listening elsewhere than on loopback is refused', () => {
  const folder = tempFolder();
  const file = path.join(folder, 'm.yaml');
  writeFileSync(file, good());
  const result = tdn(['edge', '--manifests', file, '--listen', '0.0.0.0:0', '--state', path.join(folder, 'state')]);
  expectOneClearLine(result, /0\.0\.0\.0.*loopback|loopback.*0\.0\.0\.0/);
});

// Holds a port of the system's choice while `use` runs.
async function withPortTaken(use: (port: number) => void): Promise<void> {
  const taken = net.createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  use((taken.address() as net.AddressInfo).port);
  await new Promise((resolve) => taken.close(resolve));
}
const inUse = (port: number) => new RegExp(`${port}.*in use`);

test('a port in use is named: gateway, admin listener, engine', async () => {
  const folder = tempFolder();
  const file = path.join(folder, 'm.yaml');
  writeFileSync(file, good());
  await withPortTaken((port) => {
    const edge = ['edge', '--manifests', file, '--state', path.join(folder, 'state')];
    expectOneClearLine(tdn([...edge, '--listen', `127.0.0.1:${port}`, '--admin', '127.0.0.1:0']), inUse(port));
    expectOneClearLine(tdn([...edge, '--listen', '127.0.0.1:0', '--admin', `127.0.0.1:${port}`]), inUse(port));
    expectOneClearLine(tdn(['engine', '--simulated', '--listen', `127.0.0.1:${port}`]), inUse(port));
  });
});

test.each([
  {purpose: 'gateway of frankfurt', offset: 0},
  {purpose: 'admin listener of frankfurt', offset: 1},
  {purpose: 'engine of frankfurt', offset: 2},
  {purpose: 'peer listener of frankfurt', offset: 3},
  {purpose: 'control', offset: 10},
  {purpose: 'engine of paris', offset: 102},
  {purpose: 'gateway of ashburn', offset: 200},
])('`tdn up` names a port in use and what it wanted it for: $purpose', async ({purpose, offset}) => {
  // Tests beside this one may hold another of the ports: then that one is named, and we try elsewhere.
  for (let named = false; !named; ) {
    await withPortTaken((port) => {
      const result = tdn(['up', '--simulated', '--state', path.join(tempFolder(), 'state'), '--ports', String(port - offset)]);
      named = inUse(port).test(result.stderr) || !/in use/.test(result.stderr);
      if (named) {
        expectOneClearLine(result, inUse(port));
        expect(result.stderr).toMatch(new RegExp(`${purpose}.*--ports auto`));
      }
    });
  }
});

// A GGUF file as far as its header goes: version 3, no tensors, one text that names the architecture.
function ggufOf(architecture: string): Buffer {
  const number = (value: number, bytes: 4 | 8) => {
    const out = Buffer.alloc(bytes);
    out.writeUInt32LE(value);
    return out;
  };
  const text = (value: string) => Buffer.concat([number(value.length, 8), Buffer.from(value)]);
  const kString = 8;
  return Buffer.concat([
    Buffer.from('GGUF'), number(3, 4), number(0, 8), number(1, 8),
    text('general.architecture'), number(kString, 4), text(architecture),
  ]);
}

const MODEL_FILES = [
  {what: 'a missing model', name: 'missing.gguf', content: undefined, names: /missing\.gguf.*no such.*give/},
  {what: 'a file that is no GGUF', name: 'text.gguf', content: Buffer.from('not a model'), names: /text\.gguf.*no(t a)? GGUF.*give/},
  {what: 'an empty file', name: 'empty.gguf', content: Buffer.alloc(0), names: /empty\.gguf.*GGUF/},
  {what: 'a model of an unknown architecture', name: 'odd.gguf', content: ggufOf('nonesuch'), names: /odd\.gguf.*unknown.*nonesuch.*give/},
];
test.each(MODEL_FILES)('$what is named, by the engine and by `tdn up`', ({name, content, names}) => {
  const folder = tempFolder();
  const file = path.join(folder, name);
  if (content) {
    writeFileSync(file, content);
  }
  expectOneClearLine(tdn(['engine', '--model', file, '--listen', '127.0.0.1:0']), names);
  expectOneClearLine(tdn(['up', '--model', file, '--ports', 'auto', '--state', path.join(folder, 'state')]), names);
});

const inUseBy = (folder: string) => new RegExp(`(?=.*${folder})(?=.*(in use|already|locked))`);
test('a state folder in use is named', async () => {
  const edge = await startEdge({world: world()});
  const edgeAgain = ['edge', '--manifests', edge.manifests, '--listen', '127.0.0.1:0', '--state', edge.state];
  expectOneClearLine(tdn(edgeAgain), inUseBy(edge.state));
  expect((await send(edge.gateway, chat(edge))).status).toBe(200);

  const state = path.join(tempFolder(), 'network');
  const readyFile = path.join(tempFolder(), 'ready.json');
  const up = ['up', '--simulated', '--ports', 'auto', '--state', state];
  const {process: running} = await startReady([TDN, ...up, '--ready-file', readyFile], readyFile);
  expectOneClearLine(tdn(up), inUseBy(state));
  expectOneClearLine(tdn([...edgeAgain.slice(0, -1), path.join(state, 'sites/paris')]), inUseBy(state));
  expect(running.child.exitCode).toBe(null);
  await running.end();
});

test('a state folder that cannot be written is named', () => {
  const folder = tempFolder();
  const file = path.join(folder, 'm.yaml');
  writeFileSync(file, good());
  // Below a file there is no folder, and below /proc nobody may make one, not even root.
  for (const state of [path.join(file, 'state'), '/proc/tdn-state']) {
    expectOneClearLine(tdn(['edge', '--manifests', file, '--listen', '127.0.0.1:0', '--state', state]), new RegExp(state));
    expectOneClearLine(tdn(['up', '--simulated', '--ports', 'auto', '--state', state]), new RegExp(state));
  }
});

test('garbage on every port closes that connection and nothing else', async () => {
  const edge = await startEdge({world: world()});
  const engine = await startEngine({});
  const garbage = [
    'nonsense\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'GET / HTTP/1.1\nhost: x\n\n',
    'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc',
    'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
    'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n',
    `GET / HTTP/1.1\r\nhost: x\r\n${'a: b\r\n'.repeat(20_000)}\r\n`,
    Buffer.from(Array.from({length: 4096}, (_, i) => (i * 89 + 7) % 256)),
  ];
  for (const port of [edge.gateway, edge.admin, engine.url]) {
    for (const bytes of garbage) {
      expect(await rawExchange(port, bytes)).toMatch(/^$|^HTTP\/1\.1 4\d\d /);
    }
  }
  expect(upstream.asked.filter((one) => one.body.includes('abc'))).toHaveLength(0);
  expect((await send(edge.gateway, chat(edge))).status).toBe(200);
  expect(totals(usage(edge.state)).requests).toBe(1);
  expect((await send(engine.url, {path: '/health'})).status).toBe(200);
  expect([edge.process.child.exitCode, engine.process.child.exitCode]).toEqual([null, null]);
});

test('wrong methods, paths and sizes have their codes', async () => {
  const edge = await startEdge({world: world()});
  const of = async (call: Parameters<typeof send>[1]) => {
    const reply = await send(edge.gateway, {key: edge.key, ...call});
    return [reply.status, errorOf(reply).code];
  };
  expect(await of({path: '/v1/nothing'})).toEqual([404, 'not_found']);
  expect(await of({path: '/v1/chat/completions', method: 'GET'})).toEqual([405, 'method_not_allowed']);
  expect(await of({path: '/v1/chat/completions', body: '{"model":'})).toEqual([400, 'invalid_request']);
  expect(await of({path: '/v1/models', headers: {'x-big': 'x'.repeat(70_000)}})).toEqual([431, 'headers_too_large']);
  expect(await of({path: '/v1/chat/completions', body: '{}', headers: {'idempotency-key': 'a'}})).toEqual([400, 'invalid_request']);
  const large = await send(edge.gateway, {
    path: '/v1/chat/completions', method: 'POST', key: edge.key, headers: {'content-length': String(33 << 20), 'content-type': 'application/json'},
  }).catch(() => undefined);
  expect([large?.status, large && errorOf(large).code]).toEqual([413, 'request_too_large']);
});

test('limits of a key answer 429 with the time to wait, and say what is left', async () => {
  const key = makeKey();
  const file = path.join(tempFolder(), 'm.yaml');
  writeFileSync(file, manifestText(documents({
    ...world(),
    keys: [{name: 'demo/playground/small', key, spec: {limits: {requestsPerMinute: 3, tokensPerMinute: 100000, concurrency: 8}}}],
  })));
  const edge = await startEdge({manifests: file, key});
  const replies: Reply[] = [];
  for (let i = 0; i < 4; ++i) {
    replies.push(await send(edge.gateway, chat(edge)));
  }
  expect(replies.map((reply) => reply.status)).toEqual([200, 200, 200, 429]);
  expect(replies[0].headers['x-ratelimit-limit-requests']).toBe('3');
  expect(replies[0].headers['x-ratelimit-remaining-requests']).toBe('2');
  expect(replies[0].headers['x-ratelimit-reset-requests']).toMatch(/^(\d+h)?(\d+m)?(\d+(\.\d+)?(s|ms))?$/);
  expect(replies[0].headers['x-ratelimit-limit-tokens']).toBe('100000');
  expect(errorOf(replies[3]).code).toBe('rate_limit_exceeded');
  expect(Number(replies[3].headers['retry-after'])).toBeGreaterThan(0);
});

test('256 descriptors under 1,000 clients: those served are served right, and the edge recovers', async () => {
  const edge = await startEdge({world: world(), under: ['prlimit', '--nofile=256:256']});
  const before = totals(usage(edge.state));
  const outcomes = await inParallel(1000, 1000, (i) =>
    send(edge.gateway, {...chat(edge, {user: `c${i}`}), agent: new http.Agent({keepAlive: false})}).then(
      (reply) => reply.status,
      () => 0,
    ),
  );
  const served = outcomes.filter((status) => status === 200).length;
  // Nobody is sent away at the door; some are told that no connection to the engine could be made.
  expect(outcomes.filter((status) => ![200, 502, 503].includes(status))).toEqual([]);
  expect(served).toBeGreaterThanOrEqual(64); // as many as the endpoint takes at once
  expect((await send(edge.gateway, chat(edge))).status).toBe(200);
  const after = totals(usage(edge.state));
  expect(after.requests - before.requests).toBe(served + 1);
});

test('a full disk refuses new requests, settles open streams, and is over when there is room', async (context) => {
  const mount = path.join(tempFolder('disk'), 'small');
  mkdirSync(mount);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16m', 'tmpfs', mount]).status !== 0) {
    context.skip('no right to mount a tmpfs here');
  }
  try {
    const edge = await startEdge({world: world(), state: path.join(mount, 'state'), extra: ['--segment-mib', '1']});
    const ballast = path.join(mount, 'ballast');
    spawnSync('sh', ['-c', `cat /dev/zero >${ballast}`]);
    const body = chat(edge);
    let refusal: Reply | undefined;
    let servedBefore = 0;
    for (let i = 0; i < 60_000 && !refusal; i += 64) {
      const replies = await inParallel(64, 64, () => send(edge.gateway, body));
      servedBefore += replies.filter((reply) => reply.status === 200).length;
      refusal = replies.find((reply) => reply.status !== 200);
    }
    expect(refusal?.status).toBe(503);
    expect(errorOf(refusal!).code).toBe('storage_unavailable');
    rmSync(ballast);
    // The edge looks for room each second; until then each request is refused at once.
    let status = 503;
    for (const end = performance.now() + 10_000; status !== 200 && performance.now() < end; ) {
      status = (await send(edge.gateway, body)).status;
      servedBefore += status === 200 ? 1 : 0;
    }
    expect(status).toBe(200);
    const sum = totals(usage(edge.state));
    expect(sum.requests).toBe(servedBefore);
    expect(sum.output).toBe(servedBefore * USAGE.completion_tokens);
    await edge.process.end();
  } finally {
    spawnSync('umount', [mount]);
  }
}, 240_000);

test('manifests reload on SIGHUP without a dropped request; bad ones change nothing', async () => {
  const edge = await startEdge({world: world()});
  const other = makeKey();
  const running = stream(edge.gateway, chat(edge, {stream: true}), {});
  writeFileSync(edge.manifests, `${manifestText(documents({...world(), keys: [
    {name: 'demo/playground/laptop', key: edge.apiKey}, {name: 'demo/playground/other', key: other}]}))}`);
  edge.process.child.kill('SIGHUP');
  expect(sumUp(await running)).toMatchObject({finish: 'stop', done: true});
  const reply = await edge.process.said(/reload/i).then(() => send(edge.gateway, {...chat(edge), key: other.secret}));
  expect(reply.status).toBe(200);
  writeFileSync(edge.manifests, head.replace('Zone', 'Zona'));
  edge.process.child.kill('SIGHUP');
  await edge.process.said(/Zona/);
  expect((await send(edge.gateway, {...chat(edge), key: other.secret})).status).toBe(200);
});
