// An edge or an engine, ready to be asked; and books, read by the command line.
import {existsSync, readdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {CACHE, type Process, startReady, TDN, tdn, tempFolder} from './process.ts';
import type {ApiKey} from './keys.ts';
import {writeWorld, type World} from './manifests.ts';

export interface Edge {
  process: Process;
  gateway: string;
  admin: string;
  state: string;
  manifests: string;
  key: string;
  apiKey: ApiKey;
}

export interface EdgeOptions {
  state?: string;
  manifests?: string; // a file written before; `world` is then not looked at
  key?: ApiKey;
  world?: World;
  shards?: number;
  site?: string;
  extra?: string[];
  under?: string[]; // a command that runs it: ["prlimit", "--nofile=256"]
}

export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const state = options.state ?? path.join(tempFolder('edge'), 'state');
  let {manifests, key} = options;
  if (!manifests || !key) {
    const written = writeWorld(tempFolder('manifests'), options.world ?? {endpoints: []});
    manifests = written.file;
    key = written.key;
  }
  const readyFile = path.join(tempFolder('ready'), 'ready.json');
  const command = [...(options.under ?? []), TDN, 'edge', '--manifests', manifests, '--listen', '127.0.0.1:0', '--state', state,
    '--ready-file', readyFile, ...(options.shards ? ['--shards', String(options.shards)] : []),
    ...(options.site ? ['--site', options.site] : []), ...(options.extra ?? [])];
  const {process, ready} = await startReady<{gateway: string; admin: string; pid: number}>(command, readyFile);
  return {process, gateway: ready.gateway, admin: ready.admin, state, manifests, key: key.secret, apiKey: key};
}

// The same edge again, on the same state.
export function restartEdge(edge: Edge, options: Partial<EdgeOptions> = {}): Promise<Edge> {
  return startEdge({state: edge.state, manifests: edge.manifests, key: edge.apiKey, ...options});
}

export interface Engine {
  process: Process;
  url: string;
  model: string;
}

export async function startEngine(options: {model?: string; name?: string; simulated?: string; extra?: string[]; listen?: string}): Promise<Engine> {
  const folder = tempFolder('engine');
  const readyFile = path.join(folder, 'ready.json');
  const command = [TDN, 'engine', '--listen', options.listen ?? '127.0.0.1:0', '--ready-file', readyFile];
  if (options.model) {
    command.push('--model', options.model, '--threads', '1');
  } else {
    command.push('--simulated');
    if (options.simulated) {
      const file = path.join(folder, 'timing.yaml');
      writeFileSync(file, options.simulated);
      command.push('--timing', file);
    }
  }
  const {process, ready} = await startReady<{engine: string; model: string}>([...command, ...(options.extra ?? [])], readyFile, 60_000);
  return {process, url: ready.engine, model: ready.model};
}

// The default model if it was fetched, else undefined.
export function realModel(): string | undefined {
  const folder = path.join(CACHE, 'models');
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.gguf')) : [];
  const name = names.find((one) => one.includes('Q8_0')) ?? names[0];
  return name && existsSync(path.join(CACHE, 'llama/lib')) ? path.join(folder, name) : undefined;
}

export interface UsageRow {
  by: Record<string, string>;
  requests: string;
  tokens: {input: string; cachedInput: string; output: string};
  amount: string;
  currency: string;
}

export interface Usage {
  rows: UsageRow[];
  completeThrough: string;
  lateSites: string[];
}

// Of an edge, or of a network: then with everything that was settled before.
export function usage(state: string, by = 'model'): Usage {
  const done = tdn(['usage', '--state', state, '--by', by, '-o', 'json', '--wait', '10']);
  if (done.status !== 0) {
    throw new Error(`tdn usage ended with ${done.status}: ${done.stderr}${done.stdout}`);
  }
  return JSON.parse(done.stdout) as Usage;
}

// All rows of a usage in one sum.
export function totals(of: Usage): {requests: number; input: number; cachedInput: number; output: number} {
  const sum = {requests: 0, input: 0, cachedInput: 0, output: 0};
  for (const row of of.rows) {
    sum.requests += Number(row.requests);
    sum.input += Number(row.tokens.input);
    sum.cachedInput += Number(row.tokens.cachedInput);
    sum.output += Number(row.tokens.output);
  }
  return sum;
}
