// The official openai SDK, unmodified, against an edge with one engine behind it: what it gets equals
// what the engine says when asked directly, and every refusal has its status and code.
import OpenAI from 'openai';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {type Edge, type Engine, realModel, startEdge, startEngine, totals, usage} from '../harness/edge.ts';
import {makeKey} from '../harness/keys.ts';
import {cleanUp} from '../harness/process.ts';

const QUESTION: OpenAI.ChatCompletionMessageParam[] = [{role: 'user', content: 'What is the capital of France?'}];
const engines = [
  {name: 'simulated engine', model: undefined},
  {name: 'real model', model: realModel()},
].filter((one) => one.name !== 'real model' || one.model);
if (engines.length < 2) {
  console.log('skips the real model: neither libllama nor the model is in the cache (scripts/fetch-engine, scripts/fetch-model)');
}

afterAll(cleanUp);

describe.each(engines)('$name', ({model}) => {
  let engine: Engine;
  let edge: Edge;
  let through: OpenAI;
  let direct: OpenAI;

  beforeAll(async () => {
    engine = await startEngine({model});
    edge = await startEdge({world: {endpoints: [{name: 'frankfurt-1', kind: 'tdn', url: engine.url, as: engine.model}]}});
    through = new OpenAI({baseURL: `${edge.gateway}/v1`, apiKey: edge.key, maxRetries: 0});
    direct = new OpenAI({baseURL: `${engine.url}/v1`, apiKey: 'none', maxRetries: 0});
  });

  const ask = {messages: QUESTION, max_tokens: 12, temperature: 0, seed: 1};

  test('chat answers what the engine answers, with its usage', async () => {
    const ours = await through.chat.completions.create({model: 'smollm2', ...ask});
    const its = await direct.chat.completions.create({model: engine.model, ...ask});
    expect(ours.choices).toEqual(its.choices);
    expect(ours.usage).toMatchObject({prompt_tokens: its.usage?.prompt_tokens, completion_tokens: its.usage?.completion_tokens});
    expect(ours.choices[0].message.content?.length).toBeGreaterThan(0);
  });

  test('an alias is the model', async () => {
    const ours = await through.chat.completions.create({model: 'smollm2-135m', ...ask});
    expect(ours.choices[0].message.content?.length).toBeGreaterThan(0);
  });

  test('a stream carries usage if asked for, and only then', async () => {
    const collect = async (client: OpenAI, name: string, asked: boolean) => {
      const events = [];
      const stream = await client.chat.completions.create({
        model: name,
        ...ask,
        stream: true,
        ...(asked ? {stream_options: {include_usage: true}} : {}),
      });
      for await (const event of stream) {
        events.push(event);
      }
      return {
        text: events.map((event) => event.choices[0]?.delta.content ?? '').join(''),
        finish: events.flatMap((event) => event.choices.map((choice) => choice.finish_reason)).filter(Boolean),
        usages: events.map((event) => event.usage).filter(Boolean),
      };
    };
    const its = await collect(direct, engine.model, true);
    const asked = await collect(through, 'smollm2', true);
    const unasked = await collect(through, 'smollm2', false);
    expect(asked.text).toBe(its.text);
    expect(unasked.text).toBe(its.text);
    expect(asked.finish).toEqual(its.finish);
    expect(unasked.finish).toEqual(its.finish);
    expect(asked.usages).toHaveLength(1);
    expect(asked.usages[0]).toMatchObject({completion_tokens: its.usages[0]?.completion_tokens, prompt_tokens: its.usages[0]?.prompt_tokens});
    expect(unasked.usages).toEqual([]);
  });

  test('completions, plain and streamed', async () => {
    const ask = {prompt: 'The capital of France is', max_tokens: 6, temperature: 0, seed: 1};
    const ours = await through.completions.create({model: 'smollm2', ...ask});
    const its = await direct.completions.create({model: engine.model, ...ask});
    expect(ours.choices[0].text).toBe(its.choices[0].text);
    expect(ours.usage?.completion_tokens).toBe(its.usage?.completion_tokens);
    let text = '';
    for await (const event of await through.completions.create({model: 'smollm2', ...ask, stream: true})) {
      text += event.choices[0]?.text ?? '';
    }
    expect(text).toBe(its.choices[0].text);
  });

  test('embeddings, as numbers and as base64', async () => {
    const input = ['a token', 'another'];
    const ours = await through.embeddings.create({model: 'smollm2', input}); // the SDK asks for base64
    const its = await direct.embeddings.create({model: engine.model, input});
    const floats = await through.embeddings.create({model: 'smollm2', input, encoding_format: 'float'});
    expect(ours.data).toHaveLength(2);
    expect(ours.data.map((one) => one.embedding)).toEqual(its.data.map((one) => one.embedding));
    expect(floats.data[0].embedding.length).toBe(ours.data[0].embedding.length);
    expect(floats.data[0].embedding[0]).toBeCloseTo(ours.data[0].embedding[0], 5);
    expect(ours.usage.prompt_tokens).toBe(its.usage.prompt_tokens);
  });

  test('models are listed and found by name', async () => {
    const names = [];
    for await (const model of through.models.list()) {
      names.push(model.id);
    }
    expect(names).toContain('smollm2');
    expect((await through.models.retrieve('smollm2')).id).toBe('smollm2');
    await expect(through.models.retrieve('nothing')).rejects.toMatchObject({status: 404, code: 'model_not_found'});
  });

  const wrong = [
    {what: 'a wrong key', key: () => makeKey().secret, body: {}, status: 401, code: 'invalid_api_key'},
    {what: 'a key with a bad checksum', key: () => `${edge.key.slice(0, -1)}${edge.key.endsWith('0') ? '1' : '0'}`, body: {}, status: 401, code: 'invalid_api_key'},
    {what: 'an unknown model', key: () => edge.key, body: {model: 'gpt-9'}, status: 404, code: 'model_not_found'},
    {what: 'a body without messages', key: () => edge.key, body: {messages: undefined}, status: 400, code: 'invalid_request'},
    {what: 'a prompt that is too long', key: () => edge.key, body: {messages: [{role: 'user', content: 'word '.repeat(20_000)}]}, status: 400, code: 'context_length_exceeded'},
  ];
  test.each(wrong)('$what is $status $code', async ({key, body, status, code}) => {
    const client = new OpenAI({baseURL: `${edge.gateway}/v1`, apiKey: key(), maxRetries: 0});
    for (const stream of [false, true]) {
      const call = client.chat.completions.create({model: 'smollm2', ...ask, ...body, stream} as OpenAI.ChatCompletionCreateParams);
      const error = (await call.then(() => undefined, (reason: unknown) => reason)) as InstanceType<typeof OpenAI.APIError>;
      expect(error).toBeInstanceOf(OpenAI.APIError);
      expect({status: error.status, code: error.code}).toEqual({status, code});
      expect(error.message).not.toContain(key().slice(-20));
    }
  });

  test('the books count what the answers said', async () => {
    const before = totals(usage(edge.state));
    const counted = {requests: 0, input: 0, output: 0};
    for (let i = 0; i < 3; ++i) {
      const answer = await through.chat.completions.create({model: 'smollm2', ...ask, max_tokens: 4 + i});
      counted.requests += 1;
      counted.input += answer.usage?.prompt_tokens ?? 0;
      counted.output += answer.usage?.completion_tokens ?? 0;
    }
    const after = totals(usage(edge.state));
    expect({
      requests: after.requests - before.requests,
      input: after.input + after.cachedInput - before.input - before.cachedInput,
      output: after.output - before.output,
    }).toEqual(counted);
  });
});
