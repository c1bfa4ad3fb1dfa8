// Who serves a request and why: told before it is sent, and of those that were served, from a log
// that holds nothing of what they said.
import {readdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {errorOf, inParallel, type Reply, send, stream} from '../harness/client.ts';
import {type Edge, type Engine, startEdge, startEngine} from '../harness/edge.ts';
import {makeKey} from '../harness/keys.ts';
import {FRANKFURT, PARIS} from '../harness/manifests.ts';
import {cleanUp, tdn, tempFolder} from '../harness/process.ts';

const ASHBURN = {country: 'US', city: 'Ashburn', latitude: 39.04, longitude: -77.49};
const SECRET = 'the-word-that-no-log-may-hold';

interface Candidate {
  site: string;
  endpoint: string;
  excluded: string | null;
  scoreUs: number;
  termsUs: Record<string, number>;
  known: {inFlight: number; cachedTokens: number};
}
interface Explained {
  request: string;
  objective: string;
  chosen: {site: string; endpoint: string; reason: string; scoreUs: number} | null;
  refusal: {code: string; message: string} | null;
  runnerUp: {site: string; endpoint: string; behindUs: number} | null;
  candidates: Candidate[];
  flips: {what: string; to: string; text: string}[];
  recorded?: string;
}

let engines: Engine[];
let edge: Edge;
const fenced = makeKey();
const thrifty = makeKey();

beforeAll(async () => {
  engines = await Promise.all([startEngine({}), startEngine({}), startEngine({})]);
  const [frankfurt, paris, ashburn] = engines.map((engine) => ({kind: 'tdn' as const, url: engine.url, as: engine.model, concurrency: 8}));
  const cost = (output: string) => ({cost: {currency: 'USD', perMillion: {input: '0.02', output}}});
  edge = await startEdge({
    site: 'frankfurt',
    world: {
      sites: {frankfurt: FRANKFURT, paris: PARIS, ashburn: ASHBURN},
      endpoints: [
        {...frankfurt!, name: 'frankfurt-1', site: 'frankfurt'},
        {...paris!, name: 'paris-1', site: 'paris', more: {dataCollection: 'allow'}},
        {...ashburn!, name: 'ashburn-1', site: 'ashburn', more: cost('0.001')},
      ],
      keys: [
        {name: 'demo/playground/fenced', key: fenced},
        {name: 'demo/playground/thrifty', key: thrifty, spec: {objective: 'cost'}},
      ],
      more: [
        {
          apiVersion: 'tdn/v1',
          kind: 'Policy',
          metadata: {name: 'fence'},
          spec: {rules: [{match: {keys: ['demo/playground/fenced']}, require: {zones: ['eu']}}]},
        },
      ],
    },
  });
  writeFileSync(path.join(edge.state, 'demo-key'), `${edge.key}\n`);
});
afterAll(cleanUp);

const body = (more: object = {}) => ({model: 'smollm2', max_tokens: 8, messages: [{role: 'user', content: `${SECRET} tell me`}], ...more});
const ask = (more: object = {}, key = edge.key, headers: Record<string, string> = {}): Promise<Reply> =>
  send(edge.gateway, {path: '/tdn/v1/explain', key, body: body(more), headers});
async function explained(more: object = {}, key?: string, headers?: Record<string, string>): Promise<Explained> {
  const reply = await ask(more, key, headers);
  expect(reply.status, reply.body).toBe(200);
  return JSON.parse(reply.body) as Explained;
}
const candidate = (told: Explained, name: string): Candidate => told.candidates.find((one) => one.endpoint === name)!;

// The log is written beside the request path, so it is asked until it knows; 10 s end what hangs.
function logged<T>(what: () => T | undefined): T {
  for (const end = Date.now() + 10_000; Date.now() < end; ) {
    const found = what();
    if (found !== undefined) {
      return found;
    }
  }
  throw new Error('the request log did not get there');
}
interface Row {
  id: string;
  site: string;
  endpoint: string;
  reason: string;
  status: number;
  code: string | null;
  tokens: {input: string; output: string};
  firstByteUs: number;
}
function rows(): Row[] {
  const done = tdn(['requests', '--state', edge.state, '-o', 'json', '--last', '1000']);
  return done.status === 0 ? (JSON.parse(done.stdout) as {requests: Row[]}).requests : [];
}
const row = (id: string) => logged(() => rows().find((one) => one.id === id));

test('an explanation names each endpoint with its terms, the runner-up and what would flip it, and does nothing', async () => {
  const told = await explained();
  expect(told.chosen).toMatchObject({site: 'frankfurt', endpoint: 'frankfurt-1', reason: 'nearest'});
  expect(told.runnerUp).toMatchObject({site: 'paris', endpoint: 'paris-1'});
  expect(told.candidates).toHaveLength(3);
  for (const one of told.candidates) {
    expect(Object.values(one.termsUs).reduce((sum, term) => sum + term, 0)).toBe(one.scoreUs);
  }
  expect(candidate(told, 'ashburn-1').termsUs['network']).toBeGreaterThan(80_000);
  expect(candidate(told, 'paris-1').termsUs['network']).toBeLessThan(10_000);
  expect(told.flips.map((flip) => flip.what)).toEqual(expect.arrayContaining(['margin', 'outage']));
  expect(candidate(await explained(), 'frankfurt-1').known.inFlight).toBe(0);
  expect(rows().map((one) => one.id)).not.toContain(told.request);
});

test('a fence, an objective and a client far away are seen in it', async () => {
  const fence = await explained({}, fenced.secret);
  expect(candidate(fence, 'ashburn-1').excluded).toBe('policy');
  const cheap = await explained({}, thrifty.secret);
  expect(cheap.chosen).toMatchObject({endpoint: 'ashburn-1', reason: 'cost'});
  const far = await explained({}, undefined, {'tdn-client-location': 'US;40.7,-74.0'});
  expect(candidate(far, 'frankfurt-1').termsUs['client']).toBeGreaterThan(50_000);
});

test('the provider object narrows, orders and is heeded when the request is sent', async () => {
  const ordered = await explained({provider: {order: ['paris']}});
  expect(ordered.chosen).toMatchObject({endpoint: 'paris-1', reason: 'preference'});
  const private_ = await explained({provider: {data_collection: 'deny', ignore: ['frankfurt/frankfurt-1']}});
  expect(private_.chosen).toMatchObject({endpoint: 'ashburn-1'});
  expect(candidate(private_, 'paris-1').excluded).toBe('data_collection');
  const none = await explained({provider: {only: ['ashburn']}}, fenced.secret);
  expect(none.chosen).toBeNull();
  expect(none.refusal?.code).toBe('invalid_request');

  const served = await send(edge.gateway, {path: '/v1/chat/completions', key: edge.key, body: body({provider: {only: ['paris']}})});
  expect(served.status, served.body).toBe(200);
  expect(served.headers['tdn-route']).toMatch(/^paris\/paris-1; reason=/);
  const refused = await send(edge.gateway, {path: '/v1/chat/completions', key: fenced.secret, body: body({provider: {only: ['ashburn']}})});
  expect(refused.status).toBe(400);
  expect(errorOf(refused).param).toBe('provider');
  for (const provider of [{order: ['atlantis']}, {zdr: true}, {sort: 'fast'}]) {
    const wrong = await send(edge.gateway, {path: '/v1/chat/completions', key: edge.key, body: body({provider})});
    expect(wrong.status).toBe(400);
    expect(errorOf(wrong).message).toMatch(/atlantis|provider\.zdr|provider\.sort/);
  }
});

test('a decision that was carried out is decided again from the log, and comes out the same', async () => {
  const seen = await stream(edge.gateway, {path: '/v1/chat/completions', key: edge.key, body: body({stream: true})});
  const id = seen.headers['x-request-id'] as string;
  const found = row(id);
  expect(found).toMatchObject({site: 'frankfurt', endpoint: 'frankfurt/frankfurt-1', status: 200, code: null});
  expect(Number(found.tokens.output)).toBe(8);
  expect(found.firstByteUs).toBeGreaterThan(0);
  expect(seen.headers['tdn-route']).toBe(`${found.endpoint}; reason=${found.reason}`);
  const json = tdn(['explain', id, '--state', edge.state, '-o', 'json']);
  expect(json.status, json.stderr).toBe(0);
  const told = JSON.parse(json.stdout) as Explained;
  expect(told.recorded).toBeUndefined();
  expect(`${told.chosen!.site}/${told.chosen!.endpoint}`).toBe(found.endpoint);
  const text = tdn(['explain', id, '--state', edge.state]);
  expect(text.stdout).toMatch(new RegExp(`request ${id}[^]*chosen +frankfurt/frankfurt-1: [^]*What would change it`));
});

test('refusals are logged with their code, and every request of a crowd once', async () => {
  const refused = await send(edge.gateway, {path: '/v1/chat/completions', key: edge.key, body: body({model: 'none'})});
  expect(row(refused.headers['x-request-id'] as string)).toMatchObject({status: 404, code: 'model_not_found', endpoint: ''});
  const replies = await inParallel(40, 8, () => send(edge.gateway, {path: '/v1/chat/completions', key: edge.key, body: body()}));
  const ids = replies.map((reply) => reply.headers['x-request-id'] as string);
  row(ids.at(-1)!);
  const found = logged(() => {
    const mine = rows().filter((one) => ids.includes(one.id));
    return mine.length >= ids.length ? mine : undefined;
  });
  expect(found).toHaveLength(ids.length);
  for (const reply of replies) {
    const mine = found.find((one) => one.id === reply.headers['x-request-id'])!;
    expect(reply.headers['tdn-route']).toBe(`${mine.endpoint}; reason=${mine.reason}`);
  }
});

test('the command line asks a gateway as a person would', () => {
  const state = ['--state', edge.state, '--gateway', edge.gateway];
  const text = tdn(['explain', '-m', 'smollm2', '--prompt', 'Hello', ...state]);
  expect(text.status, text.stderr).toBe(0);
  expect(text.stdout).toMatch(/chosen +frankfurt\/frankfurt-1: none that is permitted is nearer[^]*next +paris\/paris-1[^]*What would change it/);
  const file = path.join(tempFolder(), 'body.json');
  writeFileSync(file, JSON.stringify(body({provider: {sort: 'price'}})));
  const json = tdn(['explain', file, '-o', 'json', ...state]);
  expect((JSON.parse(json.stdout) as Explained).objective).toBe('cost');
  const piped = tdn(['explain', '-', ...state], {input: JSON.stringify(body())});
  expect(piped.stdout).toMatch(/chosen/);
  for (const [words, message] of [
    [['explain', '-m', 'none', ...state], /'none' does not exist/],
    [['explain', '/no/such/file', ...state], /\/no\/such\/file: cannot be read/],
    [['explain', '0192f0c0-a000-7000-8000-000000000001', ...state], /no decision about 0192f0c0/],
    [['requests', '--state', '/nonexistent'], /nonexistent/],
  ] as [string[], RegExp][]) {
    const wrong = tdn(words);
    expect(wrong.status).toBe(1);
    expect(wrong.stderr.trim().split('\n')).toHaveLength(1);
    expect(wrong.stderr).toMatch(message);
  }
  expect(tdn(['explain']).status).toBe(2);
});

test('the log holds no word of a prompt or an answer, and no key', async () => {
  const seen = await send(edge.gateway, {path: '/v1/chat/completions', key: edge.key, body: body()});
  row(seen.headers['x-request-id'] as string);
  const answer = (JSON.parse(seen.body) as {choices: {message: {content: string}}[]}).choices[0]!.message.content;
  const folder = path.join(edge.state, 'requests');
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(path.join(folder, name), 'latin1');
    expect(bytes).not.toContain(SECRET);
    expect(bytes).not.toContain(answer.slice(0, 16));
    expect(bytes).not.toContain(edge.key.slice(0, 24));
  }
});
