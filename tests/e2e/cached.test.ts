// What the engine need not read again is told to the client, and is the books' cached input; what one
// tenant asked is nothing to another.
import OpenAI from 'openai';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {type Edge, type Engine, realModel, startEdge, startEngine, totals, usage} from '../harness/edge.ts';
import {readJournal} from '../harness/journal.ts';
import {makeKey} from '../harness/keys.ts';
import {cleanUp} from '../harness/process.ts';

const RULES =
  'You are a careful guide in the harbour museum. Answer in one short sentence, name the year if you know it, ' +
  'never guess, and be kind to children. ';
const engines = [
  {name: 'simulated engine', model: undefined},
  {name: 'real model', model: realModel()},
].filter((one) => one.name !== 'real model' || one.model);

afterAll(cleanUp);

describe.each(engines)('$name', ({model}) => {
  const other = makeKey();
  let engine: Engine;
  let edge: Edge;
  let client: OpenAI;
  let stranger: OpenAI;

  beforeAll(async () => {
    engine = await startEngine({model});
    const more = [
      {apiVersion: 'tdn/v1', kind: 'Tenant', metadata: {name: 'other'}, spec: {}},
      {apiVersion: 'tdn/v1', kind: 'Project', metadata: {name: 'other/p'}, spec: {}},
    ];
    edge = await startEdge({
      world: {
        endpoints: [{name: 'frankfurt-1', kind: 'tdn', url: engine.url, as: engine.model}],
        more,
        keys: [{name: 'other/p/k', key: other}],
      },
    });
    client = new OpenAI({baseURL: `${edge.gateway}/v1`, apiKey: edge.key, maxRetries: 0});
    stranger = new OpenAI({baseURL: `${edge.gateway}/v1`, apiKey: other.secret, maxRetries: 0});
  });

  const ask = (as: OpenAI, question: string) =>
    as.chat.completions.create({
      model: 'smollm2',
      messages: [
        {role: 'system', content: RULES},
        {role: 'user', content: question},
      ],
      max_tokens: 8,
      temperature: 0,
      seed: 1,
    });
  const read = async () => {
    const text = await (await fetch(`${engine.url}/metrics`)).text();
    return Number(/^tdn_engine_prompt_tokens_total (\S+)$/m.exec(text)?.[1]);
  };
  const cachedOf = (of: OpenAI.CompletionUsage | null | undefined) => of?.prompt_tokens_details?.cached_tokens ?? Number.NaN;

  test('the same start is read once, answered alike, and billed as cached input', async () => {
    const first = await ask(client, 'When was the lighthouse built?');
    expect(cachedOf(first.usage)).toBe(0);

    const before = await read();
    const again = await ask(client, 'When was the lighthouse built?');
    expect(again.choices).toEqual(first.choices);
    expect(cachedOf(again.usage)).toBeGreaterThan(30);
    expect(await read()).toBe(before + again.usage!.prompt_tokens - cachedOf(again.usage));

    const usages = [first.usage!, again.usage!];
    const stream = await client.chat.completions.create({
      model: 'smollm2',
      messages: [
        {role: 'system', content: RULES},
        {role: 'user', content: 'Is there a whale?'},
      ],
      max_tokens: 4,
      stream: true,
      stream_options: {include_usage: true},
    });
    for await (const event of stream) {
      if (event.usage) {
        usages.push(event.usage);
      }
    }
    expect(usages.length).toBe(3);
    expect(cachedOf(usages[2])).toBeGreaterThan(30);

    const prompt = RULES + RULES;
    for (let i = 0; i < 2; ++i) {
      const done = await client.completions.create({model: 'smollm2', prompt, max_tokens: 2, temperature: 0});
      usages.push(done.usage!);
    }
    expect(cachedOf(usages[4])).toBeGreaterThan(30);

    const sum = totals(usage(edge.state));
    const cached = usages.reduce((all, one) => all + cachedOf(one), 0);
    expect(sum.cachedInput).toBe(cached);
    expect(sum.input).toBe(usages.reduce((all, one) => all + one.prompt_tokens, 0) - cached);
    const classes = readJournal(edge.state).records.map((record) => record.reported);
    expect(classes.map((one) => Number(one['2'] ?? 0))).toEqual(usages.map(cachedOf));
  });

  test("another tenant's prompt is read anew", async () => {
    const theirs = await ask(stranger, 'When was the lighthouse built?');
    expect(cachedOf(theirs.usage)).toBe(0);
    const again = await ask(stranger, 'When was the lighthouse built?');
    expect(cachedOf(again.usage)).toBeGreaterThan(30);
    expect(again.choices).toEqual(theirs.choices);
  });

  test('an engine that shall keep nothing keeps nothing', async () => {
    const forgetful = await startEngine({model, extra: ['--no-prefix-cache']});
    const direct = new OpenAI({baseURL: `${forgetful.url}/v1`, apiKey: 'none', maxRetries: 0});
    for (let i = 0; i < 2; ++i) {
      const answer = await direct.chat.completions.create({
        model: forgetful.model,
        messages: [{role: 'user', content: RULES}],
        max_tokens: 2,
      });
      expect(cachedOf(answer.usage)).toBe(0);
    }
  });
});
