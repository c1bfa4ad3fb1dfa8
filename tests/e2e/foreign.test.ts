// An engine that is none of ours, llama.cpp's own server from PyPI, behind the same edge.
import {existsSync} from 'node:fs';
import {spawnSync} from 'node:child_process';
import path from 'node:path';
import OpenAI from 'openai';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {send, stream} from '../harness/client.ts';
import {type Edge, realModel, startEdge, totals, usage} from '../harness/edge.ts';
import {CACHE, cleanUp, Process} from '../harness/process.ts';

const VERSION = '2026.10.11549';
const model = realModel();
const venv = path.join(CACHE, `xllamacpp-${VERSION}`);

function install(): string | undefined {
  const python = path.join(venv, 'bin/python');
  if (!existsSync(path.join(venv, 'installed'))) {
    const steps = [`python3 -m venv ${venv}`, `${python} -m pip install --quiet --disable-pip-version-check xllamacpp==${VERSION}`, `touch ${venv}/installed`];
    const done = spawnSync('sh', ['-c', steps.join(' && ')], {encoding: 'utf8', timeout: 110_000});
    if (done.status !== 0) {
      return undefined;
    }
  }
  return python;
}

// Serves on a free port and prints the address.
const SERVER = `
import signal, sys, xllamacpp
p = xllamacpp.CommonParams()
p.model.path = sys.argv[1]
p.n_ctx, p.n_parallel, p.n_predict = 2048, 2, 600
p.cpuparams.n_threads = p.cpuparams_batch.n_threads = 1
p.hostnames, p.port, p.warmup = ['127.0.0.1'], 0, False
p.endpoint_metrics = True
server = xllamacpp.Server(p)
print('serving at', server.listening_address, flush=True)
signal.pause()
`;

// Asks until it is so; 30 s end what hangs.
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await holds()); ) {
    if (Date.now() > end) {
      throw new Error('it did not come to that');
    }
  }
}

describe.skipIf(!model)('xllamacpp behind an edge', () => {
  let edge: Edge;
  let server: Process;
  let url: string;

  beforeAll(async () => {
    const python = install();
    if (!python) {
      throw new Error(`xllamacpp ${VERSION} could not be fetched from PyPI: check the connection`);
    }
    server = new Process([python, '-c', SERVER, model!]);
    url = (await server.said(/serving at (http:\S+)/, 60_000))[1];
    const models = (await (await fetch(`${url}/v1/models`)).json()) as {data: {id: string}[]};
    edge = await startEdge({world: {endpoints: [{name: 'foreign-1', kind: 'llamacpp', url, as: models.data[0].id}]}});
  });
  afterAll(cleanUp);

  test('answers, streams and is booked to the token', async () => {
    const client = new OpenAI({baseURL: `${edge.gateway}/v1`, apiKey: edge.key, maxRetries: 0});
    const direct = new OpenAI({baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0});
    const ask = {messages: [{role: 'user' as const, content: 'What is the capital of France?'}], max_tokens: 8, temperature: 0};
    const its = await direct.chat.completions.create({model: 'any', ...ask});
    const ours = await client.chat.completions.create({model: 'smollm2', ...ask});
    expect(ours.choices[0].message.content).toBe(its.choices[0].message.content);
    let text = '';
    const usages = [];
    for await (const event of await client.chat.completions.create({model: 'smollm2', ...ask, stream: true, stream_options: {include_usage: true}})) {
      text += event.choices[0]?.delta.content ?? '';
      if (event.usage) {
        usages.push(event.usage);
      }
    }
    expect(text).toBe(its.choices[0].message.content);
    expect(usages).toHaveLength(1);
    const sum = totals(usage(edge.state));
    expect(sum.requests).toBe(2);
    expect(sum.output).toBe((ours.usage?.completion_tokens ?? 0) + usages[0].completion_tokens);
    expect(sum.input + sum.cachedInput).toBe((ours.usage?.prompt_tokens ?? 0) + usages[0].prompt_tokens);
    // The same prompt again: the engine says what it had of it, and that is what is booked.
    expect(sum.cachedInput).toBe((ours.usage?.prompt_tokens_details?.cached_tokens ?? 0) + (usages[0].prompt_tokens_details?.cached_tokens ?? 0));
    expect(sum.cachedInput).toBeGreaterThan(0);
  });

  const processing = async (): Promise<number> => Number(/^llamacpp:requests_processing (\d+)/m.exec((await send(url, {path: '/metrics'})).body)![1]);

  test('its load is seen in an explanation, and a client that leaves frees it', async () => {
    const ask = {model: 'smollm2', max_tokens: 500, messages: [{role: 'user', content: 'Count from one to five hundred.'}]};
    interface Known {
      running: number;
      reportAgeMs: number | null;
      decodeUsPerToken: number;
    }
    const known = async (): Promise<Known> =>
      JSON.parse((await send(edge.gateway, {path: '/tdn/v1/explain', key: edge.key, body: ask})).body).candidates[0].known;
    let seen: Known | undefined;
    const watched = stream(edge.gateway, {path: '/v1/chat/completions', key: edge.key, body: {...ask, stream: true}}, {
      onEvent: (_data, count, request) => {
        if (count === 1) {
          void until(async () => (seen = await known()).running === 1).finally(() => request.destroy());
        }
      },
    });
    expect((await watched).cut).toBe(true);
    expect(seen!.running).toBe(1);
    expect(seen!.decodeUsPerToken).toBeGreaterThan(0);
    await until(async () => (await processing()) === 0);
    await until(async () => (await known()).running === 0);
  });
});
