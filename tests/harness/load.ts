// Load that goes on until its edge dies, and what each client saw of it.
import type http from 'node:http';
import {type Call, send, stream, sumUp} from './client.ts';

export interface Sight {
  id?: string; // x-request-id, once a head came
  streamed: boolean;
  cap: number; // tokens asked for; the simulated engine says exactly so many
  finished: boolean; // a finish_reason came, or the whole body
  output: number; // as counted by the last usage that came
  error?: string; // the code of an error, in place of an answer or at a stream's end
}

// Deterministic numbers from 0 to below `below`, for tests that say "at random".
export function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
}

// Engines that say what they were asked for, fast.
export const FAST = 'seed: 7\nmeanOutput: 0\nslots: 32\nprefill: {base: 0, perToken: 0}\ndecode: {base: 0.0001, perSequence: 0}\n';

export interface Target {
  gateway: string;
  key: string;
  model?: string;
}

function call(at: Target, content: string, cap: number, more: object): Call {
  return {path: '/v1/chat/completions', key: at.key, body: {model: at.model ?? 'smollm2', messages: [{role: 'user', content}], max_tokens: cap, temperature: 0, ...more}};
}

export async function askStreamed(at: Target, cap: number, onEvent: (count: number, request: http.ClientRequest) => void = () => undefined, content = `a stream of ${cap}`): Promise<Sight> {
  const options = {stream: true, stream_options: {include_usage: true, continuous_usage_stats: true}};
  const seen = await stream(at.gateway, call(at, content, cap, options), {onEvent: (_, count, request) => onEvent(count, request)});
  const sum = sumUp(seen);
  return {
    id: seen.headers['x-request-id'] as string,
    streamed: true,
    cap,
    finished: sum.finish !== null,
    output: sum.usage?.completion_tokens ?? 0,
    error: seen.status === 200 ? sum.error?.code : JSON.parse(seen.raw).error.code,
  };
}

export async function askPlain(at: Target, cap: number): Promise<Sight> {
  const reply = await send(at.gateway, call(at, `an answer of ${cap}`, cap, {}));
  const body = reply.status === 200 ? JSON.parse(reply.body) : undefined;
  return {
    id: reply.headers['x-request-id'] as string,
    streamed: false,
    cap,
    finished: body !== undefined,
    output: body?.usage.completion_tokens ?? 0,
    error: body ? undefined : JSON.parse(reply.body).error.code,
  };
}

// `width` clients ask one request after the other, every second one streamed, until a connection
// fails. Rejects if that has not happened after `most` requests.
export async function loadUntilDeath(at: Target, width: number, options: {most?: number; longest?: number; onEvent?: () => void} = {}): Promise<Sight[]> {
  const {most = 20_000, longest = 600, onEvent} = options;
  const sights: Sight[] = [];
  let asked = 0;
  const client = async () => {
    while (true) {
      if (asked >= most) {
        throw new Error(`the edge lives on after ${most} requests`);
      }
      const i = asked++;
      const streamed = i % 2 === 0;
      const cap = 4 + ((i * 37) % longest);
      try {
        const sight = streamed ? await askStreamed(at, cap, onEvent) : await askPlain(at, Math.min(cap, 16));
        sights.push(sight);
        if (!sight.finished && !sight.error) {
          return;
        }
      } catch {
        sights.push({streamed, cap, finished: false, output: 0});
        return;
      }
    }
  };
  await Promise.all(Array.from({length: width}, client));
  return sights;
}
