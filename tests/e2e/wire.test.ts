// What crosses the wire: bytes to the engine, headers to the client, and what happens when an engine
// misbehaves. The engine here is one that records and does as it is told.
import {afterAll, afterEach, beforeEach, expect, test} from 'vitest';
import {errorOf, inParallel, send, stream, sumUp} from '../harness/client.ts';
import {type Edge, startEdge, totals, usage} from '../harness/edge.ts';
import {randomFrom} from '../harness/load.ts';
import {cleanUp} from '../harness/process.ts';
import {answers, type Behaviour, breaksAfter, chatEvents, dribbles, Upstream, USAGE} from '../harness/upstream.ts';
import http from 'node:http';
import type {Socket} from 'node:net';

const CHAT = '/v1/chat/completions';
const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
let upstream: Upstream;
let edge: Edge;

// Engine and edge anew for each test: an endpoint that failed in one test may be down for a while.
beforeEach(async () => {
  upstream = await Upstream.start();
  edge = await startEdge({world: {endpoints: [{name: 'frankfurt-1', url: upstream.url, as: 'upstream-model'}]}});
});
afterEach(async () => {
  await edge.process.end();
  await upstream.stop();
});
afterAll(cleanUp);

const chat = (more: object = {}, headers: Record<string, string> = {}) => ({
  path: CHAT,
  key: edge.key,
  headers,
  body: {model: 'smollm2', messages: [{role: 'user', content: 'hi'}], ...more},
});
const streamed = (more: object = {}) => chat({stream: true, ...more});

test('a body reaches the engine byte for byte but for the splices', async () => {
  const odd =
    '{ "model" : "smollm2",\n\t"messages":[{"role":"user","content":"\\u00e9 é \\ud83d\\ude00 😀 \\/"}],' +
    '"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}],' +
    ' "tool_choice":"auto","parallel_tool_calls":false , "x_unknown":{"deep":[1,2.50,1e3,-0,null,true]},"max_tokens":  5,"n":1}  ';
  const reply = await send(edge.gateway, {path: CHAT, key: edge.key, body: odd});
  expect(reply.status).toBe(200);
  expect(upstream.asked).toHaveLength(1);
  expect(upstream.asked[0].body).toBe(odd.replace('"smollm2"', '"upstream-model"'));
});

test('a streamed body gains nothing but the wish for usage', async () => {
  const odd = '{"stream":true,"model":"smollm2","messages":[{"role":"user","content":"hi"}],"x_unknown":[ 1 , 2 ]}';
  await stream(edge.gateway, {path: CHAT, key: edge.key, body: odd});
  const sent = JSON.parse(upstream.asked[0].body);
  expect(sent.stream_options.include_usage).toBe(true);
  expect(upstream.asked[0].body).toContain('"x_unknown":[ 1 , 2 ]');
  expect(upstream.asked[0].body).toContain('"messages":[{"role":"user","content":"hi"}]');
});

test('the key of the client goes no further, the request id does', async () => {
  const reply = await send(edge.gateway, chat());
  const sent = Object.fromEntries(upstream.asked[0].headers.map(([name, value]) => [name.toLowerCase(), value]));
  expect(JSON.stringify(sent)).not.toContain('sk-tdn-');
  expect(sent['x-request-id']).toBe(reply.headers['x-request-id']);
});

test('answers say who served them, what is left and which request it was', async () => {
  for (const seen of [await send(edge.gateway, chat({}, {'x-client-request-id': 'mine-1'})), await stream(edge.gateway, streamed())]) {
    expect(seen.status).toBe(200);
    expect(seen.headers['x-request-id']).toMatch(UUID7);
    expect(seen.headers['tdn-route']).toMatch(/^frankfurt\/frankfurt-1; reason=[a-z_]+$/);
    expect(seen.headers['server-timing']).toBeTruthy();
  }
  const reply = await send(edge.gateway, chat({}, {'x-client-request-id': 'mine-1'}));
  expect(reply.headers['x-client-request-id']).toBe('mine-1');
});

test('a stream is relayed event for event, and usage only to who asked', async () => {
  const plain = await stream(edge.gateway, streamed());
  expect(plain.events).toEqual(chatEvents({usage: null}));
  const asked = await stream(edge.gateway, streamed({stream_options: {include_usage: true}}));
  expect(asked.events).toEqual(chatEvents());
});

test.each([
  {where: 'in the finish event', answer: {usageIn: 'finish' as const}},
  {where: 'in every event', answer: {usageIn: 'every' as const}},
  {where: 'in an event of its own, without [DONE]', answer: {done: false}},
])('usage $where is counted and hidden', async ({answer}) => {
  upstream.behave = answers(answer);
  const before = totals(usage(edge.state));
  const seen = sumUp(await stream(edge.gateway, streamed()));
  expect(seen).toMatchObject({text: 'Paris is it.', finish: 'stop', usage: null, error: null});
  const after = totals(usage(edge.state));
  expect(after.output - before.output).toBe(USAGE.completion_tokens);
  expect(after.input + after.cachedInput - before.input - before.cachedInput).toBe(USAGE.prompt_tokens);
  expect(after.cachedInput - before.cachedInput).toBe(2);
});

test('a stream that dribbles byte by byte is the same stream', async () => {
  upstream.behave = dribbles();
  const seen = await stream(edge.gateway, streamed());
  expect(seen.events).toEqual(chatEvents({usage: null}));
});

test('each event leaves when it arrives', async () => {
  const events = chatEvents({words: ['one', ' two', ' three'], usage: null});
  let sent = 0;
  let release: (() => void) | undefined;
  upstream.behave = (_, response) => {
    response.writeHead(200, {'content-type': 'text/event-stream'});
    const next = () => {
      if (sent < events.length) {
        response.write(`data: ${events[sent++]}\n\n`);
        if (sent === events.length) {
          response.end();
        }
      }
    };
    release = next;
    next();
  };
  // The upstream sends the next event only after the client saw the one before.
  const seen = await stream(edge.gateway, streamed(), {
    onEvent: (_, count) => {
      if (count < 3) {
        release?.();
      } else {
        while (sent < events.length) {
          release?.();
        }
      }
    },
  });
  expect(seen.events).toEqual(events);
});

test('a stream that dies is never turned into a clean end', async () => {
  for (const then of [
    (_: unknown, socket: {resetAndDestroy(): void}) => socket.resetAndDestroy(),
    (_: unknown, socket: {destroy(): void}) => socket.destroy(),
  ]) {
    upstream.behave = breaksAfter(2, then);
    const seen = await stream(edge.gateway, streamed());
    const sum = sumUp(seen);
    expect(sum.text).toBe('Paris is');
    expect(sum.done).toBe(false);
    expect(sum.finish).toBe(null);
    expect(sum.error?.code).toBe('stream_interrupted');
  }
});

test('an engine that answers 500 becomes upstream_error, its 400 stays its own', async () => {
  upstream.behave = (_, response) => response.writeHead(500).end('{"error":{"message":"boom"}}');
  const broken = await send(edge.gateway, chat());
  expect(broken.status).toBe(502);
  expect(errorOf(broken).code).toBe('upstream_error');
  const own = '{"error":{"message":"temperature must be below 2","type":"invalid_request_error","code":"bad_temperature"}}';
  upstream.behave = (_, response) => response.writeHead(400, {'content-type': 'application/json'}).end(own);
  const passed = await send(edge.gateway, chat());
  expect(passed.status).toBe(400);
  expect(passed.body).toBe(own);
});

test('an engine that is full makes overloaded, with its own Retry-After', async () => {
  upstream.behave = (_, response) => response.writeHead(429, {'retry-after': '7'}).end('{}');
  const reply = await send(edge.gateway, chat());
  expect(reply.status).toBe(503);
  expect(errorOf(reply).code).toBe('overloaded');
  expect(reply.headers['retry-after']).toBe('7');
});

test('a client that leaves ends the work at the engine', async () => {
  // Speaks until the edge hangs up: a client's half-close alone is no end, only its refusal to read is.
  upstream.behave = (_, response) => {
    response.writeHead(200, {'content-type': 'text/event-stream'});
    const next = () => response.destroyed || response.write(`data: ${chatEvents()[0]}\n\n`, () => setImmediate(next));
    next();
  };
  await stream(edge.gateway, streamed(), {onEvent: (_, __, request) => request.destroy()});
  await upstream.until(() => upstream.asked[0].aborted);
  expect(upstream.asked[0].aborted).toBe(true);
});

test('an engine that closes idle connections at random moments loses no request: 1,000 asked, answered, counted, booked', async () => {
  const random = randomFrom(1);
  let closed = 0;
  // Idle: it has answered, and read nothing since. What it has begun to read it answers.
  const close = (socket: Socket, readUntilIdle: number, reset: boolean) => {
    if (!socket.destroyed && socket.bytesRead === readUntilIdle) {
      ++closed;
      void (reset ? socket.resetAndDestroy() : socket.destroy());
    }
  };
  upstream.onIdle = (socket) => {
    const read = socket.bytesRead;
    const chance = random(10);
    if (chance < 2) {
      close(socket, read, false);
    } else if (chance < 3) {
      close(socket, read, true);
    } else if (chance < 6) {
      setImmediate(close, socket, read, chance === 5);
    }
  };
  const before = totals(usage(edge.state));
  const agent = new http.Agent({keepAlive: true, maxSockets: 16});
  const replies = await inParallel(1000, 16, (i) => send(edge.gateway, {...chat({user: `u${i}`}), agent}));
  agent.destroy();
  expect(replies.filter((reply) => reply.status !== 200).map((reply) => reply.body)).toEqual([]);
  // The engine's own count: each request once, none twice, none that it gave up.
  expect(upstream.asked).toHaveLength(1000);
  expect(upstream.asked.filter((one) => one.aborted)).toEqual([]);
  expect(new Set(upstream.asked.map((one) => JSON.parse(one.body).user)).size).toBe(1000);
  expect(closed).toBeGreaterThan(200);
  const after = totals(usage(edge.state));
  expect(after.requests - before.requests).toBe(1000);
  expect(after.output - before.output).toBe(1000 * USAGE.completion_tokens);
});

test('an engine that counts each choice alone is booked by their sum, one that counts all by its total', async () => {
  const event = (choices: object[], usage: object | null = null) => JSON.stringify({id: 'c', object: 'chat.completion.chunk', choices, usage});
  const word = (index: number) => event([{index, delta: {content: 'a'}, finish_reason: null}]);
  const finish = (index: number) => event([{index, delta: {}, finish_reason: 'stop'}]);
  const usageOf = (index: number | null, output: number) =>
    event(index === null ? [] : [{index, delta: {}, finish_reason: null}], {prompt_tokens: 9, completion_tokens: output, total_tokens: 9 + output});
  const script = (events: string[]): Behaviour => (_, response) => {
    response.writeHead(200, {'content-type': 'text/event-stream'});
    response.end([...events, '[DONE]'].map((one) => `data: ${one}\n\n`).join(''));
  };
  const common = [word(0), word(1), finish(0), finish(1)];
  for (const {events, output} of [
    {events: [...common, usageOf(0, 5), usageOf(1, 7)], output: 12},
    {events: [...common, usageOf(1, 7), usageOf(0, 5)], output: 12},
    {events: [...common, usageOf(null, 12)], output: 12},
    {events: [usageOf(0, 2), usageOf(1, 3), ...common, usageOf(0, 5), usageOf(1, 7), usageOf(null, 12)], output: 12},
  ]) {
    upstream.behave = script(events);
    const before = totals(usage(edge.state));
    expect(sumUp(await stream(edge.gateway, streamed({n: 2}))).done).toBe(true);
    const after = totals(usage(edge.state));
    expect([after.requests - before.requests, after.input - before.input, after.output - before.output]).toEqual([1, 9, output]);
  }
});
