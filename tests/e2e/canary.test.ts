// A site that may not open a prompt keeps no trace of it: not in memory, not in files, not in logs.
import {randomBytes} from 'node:crypto';
import {writeFileSync} from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {type Edge, startEdge} from '../harness/edge.ts';
import {findTraces} from '../harness/memory.ts';
import {cleanUp} from '../harness/process.ts';
import {send} from '../harness/client.ts';
import {answers, Upstream} from '../harness/upstream.ts';

const OSLO = {country: 'NO', latitude: 59.9, longitude: 10.7};
const FRANKFURT = {country: 'DE', latitude: 50.11, longitude: 8.68};
const STAYS = {
  apiVersion: 'tdn/v1', kind: 'Policy', metadata: {name: 'stays'},
  spec: {rules: [{match: {tenants: ['demo']}, require: {zones: ['eu']}}]},
};

let upstream: Upstream;
beforeAll(async () => {
  upstream = await Upstream.start();
});
afterAll(async () => {
  await cleanUp();
  await upstream.stop();
});

// The tenant's zone is the EU; the only engine is in Frankfurt.
const edgeAt = (site: string): Promise<Edge> =>
  startEdge({
    world: {sites: {oslo: OSLO, frankfurt: FRANKFURT}, more: [STAYS], endpoints: [{name: 'home', site: 'frankfurt', url: upstream.url, as: 'upstream-model'}]},
    site,
  });
const bodyWith = (canary: string, stream: boolean) =>
  JSON.stringify({model: 'smollm2', stream, messages: [{role: 'user', content: `${canary} `.repeat(200)}]});
const newCanary = () => `canary-${randomBytes(12).toString('hex')}`;

interface Form {
  streamed: boolean;
  chunked: boolean;
  expects: boolean; // 100-continue
  withHead: number; // how much of the body leaves together with the head
  start?: string; // method and path
  key?: string;
  field?: string; // one more
}

// Sends the head with a part of the body, the rest once the answer has begun, and reads to the end.
function exchange(edge: Edge, body: string, form: Form): Promise<string> {
  const framing = form.chunked ? 'transfer-encoding: chunked' : `content-length: ${body.length}`;
  const head =
    `${form.start ?? 'POST /v1/chat/completions'} HTTP/1.1\r\nhost: edge\r\nauthorization: Bearer ${form.key ?? edge.key}\r\n` +
    `content-type: application/json\r\n${form.field ? `${form.field}\r\n` : ''}${form.expects ? 'expect: 100-continue\r\n' : ''}${framing}\r\n\r\n`;
  const framed = form.chunked ? `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n` : body;
  const cut = Math.floor(framed.length * form.withHead);
  return new Promise((resolve, reject) => {
    const {hostname, port} = new URL(edge.gateway);
    const socket = net.connect(Number(port), hostname, () => socket.write(head + framed.slice(0, cut)));
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      if (answer === '' && cut < framed.length) {
        socket.write(framed.slice(cut));
      }
      answer += text;
    });
    // A reset behind the answer is the edge's right: it was sent more than it took.
    socket.on('error', (error: NodeJS.ErrnoException) => (['ECONNRESET', 'EPIPE'].includes(error.code ?? '') ? undefined : reject(error)));
    socket.on('close', () => resolve(answer));
  });
}

const forms: Form[] = [false, true].flatMap((streamed) =>
  [false, true].flatMap((chunked) =>
    [0, 0.5, 1].flatMap((withHead) => [{streamed, chunked, expects: false, withHead}, ...(withHead === 0 ? [{streamed, chunked, expects: true, withHead}] : [])]),
  ),
);

test('a prompt that this site may not open leaves no trace, in whatever form it comes', async () => {
  const edge = await edgeAt('oslo');
  const canary = newCanary();
  for (const form of forms) {
    const answer = await exchange(edge, bodyWith(canary, form.streamed), form);
    expect(answer, JSON.stringify(form)).toMatch(/^HTTP\/1\.1 421 /);
    expect(answer).toMatch(/^connection: close\r$/im);
    expect(answer).toContain('"code":"wrong_site"');
    expect(findTraces(edge.process, [edge.state, path.dirname(edge.manifests)], canary), JSON.stringify(form)).toEqual([]);
  }
  expect(upstream.asked).toHaveLength(0);
  await edge.process.end();
  expect(edge.process.output).not.toContain(canary);
});

test('nor does one that is refused for something else before it could be read', async () => {
  const edge = await edgeAt('oslo');
  const canary = newCanary();
  const plain: Form = {streamed: false, chunked: false, expects: false, withHead: 1};
  const refused: [Form, number][] = [
    [{...plain, field: 'idempotency-key: abc'}, 400],
    [{...plain, field: 'tdn-tags: A B'}, 400],
    [{...plain, field: 'tdn-client-location: nowhere'}, 400],
    [{...plain, key: `${edge.key.slice(0, -1)}!`}, 401],
    [{...plain, field: 'x-api-key: another'}, 401],
    [{...plain, start: 'POST /v1/nothing'}, 404],
    [{...plain, start: 'GET /v1/chat/completions'}, 405],
    [{...plain, start: 'GET /v1/models'}, 200],
    [{...plain, start: 'POST /tdn/v1/explain'}, 421],
  ];
  for (const [form, status] of refused) {
    expect(Number(/^HTTP\/1\.1 (\d+)/.exec(await exchange(edge, bodyWith(canary, false), form))?.[1]), JSON.stringify(form)).toBe(status);
    expect(findTraces(edge.process, [edge.state, path.dirname(edge.manifests)], canary), JSON.stringify(form)).toEqual([]);
  }
  await edge.process.end();
  expect(edge.process.output).not.toContain(canary);
});

test('the search finds what is there: a prompt being served, a file, a line', async () => {
  const edge = await edgeAt('frankfurt');
  const canary = newCanary();
  const folders = [edge.state];
  expect(findTraces(edge.process, folders, canary)).toEqual([]);
  let found: string[] = [];
  upstream.behave = (seen, response, socket) => {
    found = findTraces(edge.process, folders, canary);
    answers()(seen, response, socket);
  };
  const reply = await send(edge.gateway, {path: '/v1/chat/completions', key: edge.key, body: bodyWith(canary, false)});
  expect(reply.status).toBe(200);
  expect(found.length).toBeGreaterThan(0);

  const planted = path.join(edge.state, 'planted');
  const other = newCanary();
  writeFileSync(planted, `before ${other} behind`);
  expect(findTraces(edge.process, folders, other)).toEqual([planted]);
  const third = newCanary();
  edge.process.output += third;
  expect(findTraces(edge.process, folders, third)).toEqual(['its output']);
});
