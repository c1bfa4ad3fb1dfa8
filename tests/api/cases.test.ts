// Runs the cases of *.case; README.md describes their form.
import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {send} from '../harness/client.ts';
import {type Edge, startEdge} from '../harness/edge.ts';
import {type ApiKey, makeKey} from '../harness/keys.ts';
import {writeWorld} from '../harness/manifests.ts';
import {cleanUp, tempFolder} from '../harness/process.ts';
import {Upstream} from '../harness/upstream.ts';

interface Case {
  name: string;
  line: number;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
  status: number;
  expectHeaders: [string, string][];
  expectBody: string;
}

function headersOf(lines: string[]): [string, string][] {
  return lines.map((line) => [line.slice(0, line.indexOf(':')).trim().toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]);
}

// Splits "head, empty line, body".
function halves(text: string): [string[], string] {
  const [head, ...rest] = text.split('\n\n');
  return [head.split('\n').filter((line) => line !== ''), rest.join('\n\n').trim()];
}

export function parseCases(text: string): Case[] {
  const cases: Case[] = [];
  let line = 1;
  for (const block of text.split(/^===\n?/m)) {
    if (block.trim() !== '') {
      const [request, answer] = block.split(/^---\n/m);
      if (answer === undefined) {
        throw new Error(`the case at line ${line} has no --- between request and answer`);
      }
      const [requestHead, body] = halves(request.trimStart());
      const [answerHead, expectBody] = halves(answer.trimStart());
      const name = requestHead.shift() ?? '';
      const [method, target] = (requestHead.shift() ?? '').split(' ');
      if (!name.startsWith('# ') || !target) {
        throw new Error(`the case at line ${line} must begin with "# name" and "METHOD /path"`);
      }
      cases.push({
        name: name.slice(2),
        line: line + block.length - block.trimStart().length,
        method,
        path: target,
        headers: Object.fromEntries(headersOf(requestHead)),
        body: body === '' ? undefined : body,
        status: Number(answerHead.shift()),
        expectHeaders: headersOf(answerHead),
        expectBody,
      });
    }
    line += block.split('\n').length;
  }
  return cases;
}

function expectText(actual: string | undefined, wanted: string, what: string): void {
  if (wanted === '-') {
    expect(actual, what).toBeUndefined();
  } else if (wanted.length > 2 && wanted.startsWith('/') && wanted.endsWith('/')) {
    expect(actual, what).toMatch(new RegExp(wanted.slice(1, -1)));
  } else {
    expect(actual, what).toBe(wanted);
  }
}

function expectJson(actual: unknown, wanted: unknown, at: string): void {
  if (typeof wanted === 'string') {
    expect(typeof actual, at).toBe('string');
    expectText(actual as string, wanted, at);
  } else if (Array.isArray(wanted)) {
    expect(Array.isArray(actual), at).toBe(true);
    expect((actual as unknown[]).length, `${at}.length`).toBe(wanted.length);
    wanted.forEach((one, i) => expectJson((actual as unknown[])[i], one, `${at}[${i}]`));
  } else if (wanted !== null && typeof wanted === 'object') {
    expect(actual, at).toBeTypeOf('object');
    for (const [name, value] of Object.entries(wanted)) {
      expectJson((actual as Record<string, unknown>)[name], value, `${at}.${name}`);
    }
  } else {
    expect(actual, at).toEqual(wanted);
  }
}

describe('the form of cases', () => {
  test('is read as described', () => {
    const [one] = parseCases('# a\nPOST /x\nA: b: c\n\n{"x":\n1}\n---\n201\nE: /f/\n\n{"y": 1}\n===\n');
    expect(one).toMatchObject({name: 'a', method: 'POST', path: '/x', headers: {a: 'b: c'}, body: '{"x":\n1}', status: 201, expectHeaders: [['e', '/f/']], expectBody: '{"y": 1}'});
    expect(() => parseCases('# a\nGET /x\n===\n')).toThrow(/no ---/);
  });

  test('finds what differs', () => {
    expect(() => expectJson({a: [1, {b: 'x'}]}, {a: [1, {b: 'y'}]}, '')).toThrow();
    expect(() => expectJson({a: 1}, {b: 1}, '')).toThrow();
    expect(() => expectText('abc', '/^b/', '')).toThrow();
    expect(() => expectText('abc', '-', '')).toThrow();
    expectJson({a: [1, {b: 'xyz', more: 1}]}, {a: [1, {b: '/y/'}]}, '');
  });
});

let upstream: Upstream;
let edge: Edge;
let limited: ApiKey;

beforeAll(async () => {
  upstream = await Upstream.start();
  limited = makeKey();
  const written = writeWorld(tempFolder('api'), {
    models: {smollm2: {aliases: ['smollm2-135m'], contextLength: 2048}, other: {}},
    endpoints: [{name: 'frankfurt-1', url: upstream.url, model: 'smollm2', as: 'upstream-model'}],
    keys: [{name: 'demo/playground/limited', key: limited, spec: {models: ['other']}}],
  });
  edge = await startEdge({manifests: written.file, key: written.key});
});
afterAll(async () => {
  await cleanUp();
  await upstream.stop();
});

function filled(text: string): string {
  return text
    .replaceAll('$KEY', edge.key)
    .replaceAll('$LIMITED', limited.secret)
    .replace(/\$REPEAT\(([^,]*),(\d+)\)/g, (_, what: string, times: string) => what.repeat(Number(times)));
}

for (const file of readdirSync(import.meta.dirname).filter((name) => name.endsWith('.case'))) {
  describe(file, () => {
    const cases = parseCases(readFileSync(path.join(import.meta.dirname, file), 'utf8'));
    test.each(cases)('$name (line $line)', async (one) => {
      const reply = await send(edge.gateway, {
        method: one.method,
        path: one.path,
        headers: Object.fromEntries(Object.entries(one.headers).map(([name, value]) => [name, filled(value)])),
        body: one.body === undefined ? undefined : filled(one.body),
      });
      expect(reply.status, reply.body).toBe(one.status);
      for (const [name, value] of one.expectHeaders) {
        const actual = reply.headers[name];
        expectText(Array.isArray(actual) ? actual.join(', ') : actual, value, name);
      }
      if (/^[[{]/.test(one.expectBody)) {
        expectJson(JSON.parse(reply.body), JSON.parse(filled(one.expectBody)), 'body');
      } else {
        expect(reply.body).toContain(one.expectBody);
      }
    });
  });
}
