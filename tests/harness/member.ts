// A real edge that belongs to a real control: its site, its secret, its key.
import {randomBytes} from 'node:crypto';
import {writeFileSync} from 'node:fs';
import path from 'node:path';
import {expect} from 'vitest';
import {apply, ask, type Control, startControl} from './control.ts';
import {documents, manifestText, type World} from './manifests.ts';
import {type ApiKey, makeKey} from './keys.ts';
import {freeAddress} from './ports.ts';
import {type Process, startReady, TDN, tempFolder} from './process.ts';

export interface Member {
  process: Process;
  gateway: string;
  admin: string;
  state: string;
  key: string;
}

export interface Joined {
  control: Control;
  site: string;
  secretFile: string;
  key: ApiKey;
  world: World;
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

// Control with one site, what `world` says and one key.
export async function startNetwork(world: World, site = 'frankfurt'): Promise<Joined> {
  const secret = [...randomBytes(43)].map((byte) => LETTERS[byte % LETTERS.length]).join('');
  const secretFile = path.join(tempFolder('secret'), 'node.secret');
  writeFileSync(secretFile, secret, {mode: 0o600});
  const control = await startControl({nodes: {[site]: secret}, listen: await freeAddress()});
  const joined = {control, site, secretFile, key: makeKey(), world};
  await change(joined, []);
  return joined;
}

// The world again, with more objects; how control answered.
export async function change(network: Joined, more: object[]): Promise<{acknowledged: string[]; missing: string[]}> {
  const keys = [{name: 'demo/playground/laptop', key: network.key}];
  const {status, body} = await apply(network.control, manifestText(documents({...network.world, keys, more})));
  expect(status, JSON.stringify(body)).toBe(200);
  return body;
}

export async function startMember(network: Joined, options: {state?: string; under?: string[]} = {}): Promise<Member> {
  const state = options.state ?? path.join(tempFolder('member'), 'state');
  const readyFile = path.join(tempFolder('ready'), 'ready.json');
  const command = [...(options.under ?? []), TDN, 'edge', '--site', network.site, '--control', network.control.url,
    '--control-key', network.control.controlKey, '--node-secret', network.secretFile, '--state', state,
    '--listen', '127.0.0.1:0', '--shards', '2', '--segment-mib', '1', '--ready-file', readyFile];
  const {process, ready} = await startReady<{gateway: string; admin: string}>(command, readyFile);
  return {process, gateway: ready.gateway, admin: ready.admin, state, key: network.key.secret};
}

// Control again, on the same state and at the same place.
export async function restartControl(network: Joined, options: {under?: string[]; extra?: string[]} = {}): Promise<void> {
  const {url, state} = network.control;
  network.control = await startControl({state, listen: url.slice('http://'.length), ...options});
}

export interface CentralUsage {
  requests: number;
  output: number;
  late: string[];
}

// What control has, once every site that it hears has uploaded what was settled until now.
export async function centralUsage(network: Joined, wait = 10): Promise<CentralUsage> {
  const {status, body} = await ask(network.control, 'GET', `/api/v1/usage?by=model&wait=${wait}`);
  expect(status, JSON.stringify(body)).toBe(200);
  const sum = {requests: 0, output: 0, late: body.lateSites as string[]};
  for (const row of body.rows) {
    sum.requests += Number(row.requests);
    sum.output += Number(row.tokens.output);
  }
  return sum;
}

export async function metricsOf(member: Member): Promise<Map<string, number>> {
  const text = await (await fetch(`${member.admin}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}
