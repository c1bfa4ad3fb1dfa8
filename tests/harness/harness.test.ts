// The harness proves itself first: what it measures with must not lie.
import {afterAll, expect, test} from 'vitest';
import {crc32c, makeKey} from './keys.ts';
import {createHash} from 'node:crypto';
import {rawExchange, send, stream, sumUp} from './client.ts';
import {answers, breaksAfter, dribbles, Upstream} from './upstream.ts';
import {cleanUp, Process, startReady, tempFolder, within} from './process.ts';
import path from 'node:path';

afterAll(cleanUp);

test('keys are those of the published example', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  const key = makeKey('jhvry0xfy6', createHash('sha256').update('bench').digest());
  expect(key.secret).toBe('sk-tdn-jhvry0xfy6-6Rs4Nxgdz8n9fugVEUZqL3xORLC3DnD5bFVBdBSVIt7-4fEoXF');
  expect(key.sha256).toBe('a61d1ae3fb91e4369d436585d8bd8d489f83357829b64d999e0edd496e500035');
});

test('the upstream keeps what came and the client sees what went', async () => {
  const upstream = await Upstream.start();
  const call = {path: '/v1/chat/completions', body: '{"stream":true,  "x":1}', headers: {'X-Odd': 'a'}};
  const seen = sumUp(await stream(upstream.url, call));
  expect(seen).toMatchObject({text: 'Paris is it.', finish: 'stop', done: true, usage: {total_tokens: 10}});
  expect(upstream.asked[0].body).toBe(call.body);
  expect(upstream.asked[0].headers).toContainEqual(['X-Odd', 'a']);

  upstream.behave = dribbles();
  expect(sumUp(await stream(upstream.url, call))).toEqual(seen);

  upstream.behave = breaksAfter(1, (_, socket) => socket.resetAndDestroy());
  const cut = await stream(upstream.url, call);
  expect(cut.cut).toBe(true);
  expect(sumUp(cut)).toMatchObject({text: 'Paris', done: false});

  upstream.behave = answers();
  expect(JSON.parse((await send(upstream.url, {path: '/', body: {}})).body).usage.total_tokens).toBe(10);
  expect(await rawExchange(upstream.url, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1.1 400/);
  await upstream.stop();
});

test('a process that ends before it is ready is told with its words', async () => {
  const file = path.join(tempFolder(), 'ready');
  await expect(startReady(['sh', '-c', 'echo no luck; exit 3'], file)).rejects.toThrow(/ended \(3\).*\n.*no luck/);
  const {process, ready} = await startReady<{n: number}>(['sh', '-c', `echo '{"n":1}' >${file}.tmp; mv ${file}.tmp ${file}; exec tail -f /dev/null`], file);
  expect(ready.n).toBe(1);
  expect((await process.end('SIGKILL')).signal).toBe('SIGKILL');
  const waiting = new Process(['tail', '-f', '/dev/null']);
  await expect(within(50, 'an end', waiting.exited)).rejects.toThrow(/did not happen/);
  expect((await waiting.end('SIGKILL')).signal).toBe('SIGKILL');
});
