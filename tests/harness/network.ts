// A whole `tdn up`, ready to be asked, and what its operator says to it.
import {spawnSync} from 'node:child_process';
import path from 'node:path';
import {expect} from 'vitest';
import {type Process, type Result, startReady, TDN, tdn, tempFolder} from './process.ts';

export interface ReadySite {
  name: string;
  gateway: string;
  admin: string;
  engine: string;
  pids: {edge: number; engine: number};
}

export interface Ready {
  gateway: string;
  control: string;
  console: null;
  dns: null;
  key: string;
  operatorToken: string;
  model: string;
  sites: ReadySite[];
  scenario?: string;
  cities?: {name: string; country: string; latitude: number; longitude: number; gateways: Record<string, string>}[]; // the nearest site first
  pids: {up: number; control: number; wan: number | null};
}

export interface Network {
  process: Process;
  ready: Ready;
  readyFile: string;
  state: string;
}

export interface NetworkOptions {
  state?: string;
  more?: string[]; // further flags
  model?: string; // a file; else the engines are simulated
  under?: string[]; // a command that runs it
}

export async function startNetwork(options: NetworkOptions = {}): Promise<Network> {
  const state = options.state ?? path.join(tempFolder('network'), 'state');
  const readyFile = path.join(tempFolder('up'), 'ready.json');
  const command = [
    ...(options.under ?? []), TDN, 'up', ...(options.model ? ['--model', options.model] : ['--simulated']),
    '--state', state, '--ports', 'auto', '--ready-file', readyFile, ...(options.more ?? []),
  ];
  return {...(await startReady<Ready>(command, readyFile, 60_000)), readyFile, state};
}

// All processes below `tdn up`.
export const children = (ready: Ready): number[] => [ready.pids.control, ...(ready.pids.wan === null ? [] : [ready.pids.wan]), ...ready.sites.flatMap((site) => [site.pids.edge, site.pids.engine])];

// Where the edge of a site keeps its books.
export const edgeState = (network: {state: string}, site = 'frankfurt'): string => path.join(network.state, 'sites', site);

// Waits until none of these processes lives.
export function gone(pids: number[]): void {
  for (const pid of pids) {
    // The kernel tells of the end of a process that is not ours only when asked.
    const tail = spawnSync('timeout', ['15', 'tail', `--pid=${pid}`, '-f', '/dev/null']);
    expect(tail.status, `process ${pid} lives on`).toBe(0);
  }
}

// `tdn COMMAND… --state STATE`, expected to go well.
export function operate(network: {state: string}, ...command: string[]): string {
  const done: Result = tdn([...command, '--state', network.state]);
  expect(done.status, `tdn ${command.join(' ')}: ${done.stderr}`).toBe(0);
  return done.stdout;
}

// A chat request to a network, with its demo key.
export const chat = (ready: Ready, more: object = {}) => ({
  path: '/v1/chat/completions',
  key: ready.key,
  body: {model: ready.model, messages: [{role: 'user', content: 'hi'}], max_tokens: 8, ...more},
});
