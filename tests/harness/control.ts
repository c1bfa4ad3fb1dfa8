// `tdn control`, ready to be asked; and an edge played by the test: its books made from the published
// formats, its uploads over the wire.
import {createHash, randomBytes} from 'node:crypto';
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {type Process, startReady, TDN, tempFolder} from './process.ts';

export interface Control {
  process: Process;
  url: string;
  controlKey: string;
  state: string;
  token: string;
}

export interface ControlOptions {
  state?: string;
  nodes?: Record<string, string>; // site → node secret
  under?: string[];
  listen?: string; // to stand again where it stood
  extra?: string[];
}

export async function startControl(options: ControlOptions = {}): Promise<Control> {
  const state = options.state ?? tempFolder('control');
  if (options.nodes) {
    const nodes = Object.entries(options.nodes).map(([site, secret]) => ({site, sha256: createHash('sha256').update(secret).digest('hex')}));
    writeFileSync(path.join(state, 'nodes.json'), JSON.stringify({nodes}));
  }
  const readyFile = path.join(tempFolder('ready'), 'ready.json');
  const command = [...(options.under ?? []), TDN, 'control', '--state', state, '--listen', options.listen ?? '127.0.0.1:0', '--ready-file', readyFile, ...(options.extra ?? [])];
  const {process, ready} = await startReady<{control: string; controlKey: string}>(command, readyFile);
  const token = readFileSync(path.join(state, 'operator-token'), 'utf8').trim();
  return {process, url: ready.control, controlKey: ready.controlKey, state, token};
}

export interface Answer<T> {
  status: number;
  body: T;
}

// Throws as fetch does where control is away.
export async function ask<T = any>(control: Control, method: string, target: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer<T>> {
  const response = await fetch(control.url + target, {
    method,
    headers: {authorization: `Bearer ${control.token}`, connection: 'close', ...headers},
    ...(body === undefined ? {} : {body: JSON.stringify(body)}),
  });
  return {status: response.status, body: (await response.json()) as T};
}

export const apply = (control: Control, text: string) => ask(control, 'POST', '/api/v1/apply', {sources: [{name: 'test.yaml', text}]});

// --- deterministic CBOR, as far as a record needs it ---

type Value = number | Uint8Array | Value[] | Map<number, Value>;

function head(major: number, value: number): Buffer {
  const top = major << 5;
  if (value < 24) {
    return Buffer.from([top | value]);
  }
  if (value < 0x100) {
    return Buffer.from([top | 24, value]);
  }
  const long = Buffer.alloc(value < 0x10000 ? 3 : value < 0x100000000 ? 5 : 9);
  long[0] = top | (long.length === 3 ? 25 : long.length === 5 ? 26 : 27);
  if (long.length === 3) {
    long.writeUInt16BE(value, 1);
  } else if (long.length === 5) {
    long.writeUInt32BE(value, 1);
  } else {
    long.writeBigUInt64BE(BigInt(value), 1);
  }
  return long;
}

function cbor(value: Value): Buffer {
  if (typeof value === 'number') {
    return head(0, value);
  }
  if (value instanceof Uint8Array) {
    return Buffer.concat([head(2, value.length), value]);
  }
  if (Array.isArray(value)) {
    return Buffer.concat([head(4, value.length), ...value.map(cbor)]);
  }
  return Buffer.concat([head(5, value.size), ...[...value].flatMap(([key, one]) => [cbor(key), cbor(one)])]);
}

function uuidOf(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

function freshUid(): Buffer {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes;
}

// The books of one edge, and what control acknowledged of them.
export class PlayedEdge {
  readonly edge = freshUid();
  readonly log = freshUid();
  readonly model = freshUid();
  boot = freshUid();
  n = 0;
  acked = 0;
  output = 0;
  private payloads: Buffer[] = [];
  private previous = Buffer.alloc(32);

  constructor(readonly site: string, readonly secret: string) {}

  get settled(): number {
    return this.payloads.length;
  }

  // A bought record of so many output tokens, at least one.
  settle(output: number): void {
    const record = cbor(new Map<number, Value>([
      [0, 1], [1, freshUid()], [3, 1], [4, this.edge], [5, 1], [6, this.payloads.length + 1], [7, this.previous],
      [8, [[1, this.edge]]], [11, [this.model, 1]], [13, 1], [14, Date.now() * 1000], [19, 1],
      [21, new Map([[1, 10], [32, output]])],
    ]));
    this.previous = createHash('sha256').update(record).digest();
    this.payloads.push(cbor([record, new Uint8Array(), new Uint8Array()]));
    this.output += output;
  }

  // Uploads from what is acknowledged on, `again` records of it once more. Control's death is told as false.
  async upload(control: Control, again = 0, most = 1000): Promise<boolean> {
    const from = Math.max(1, this.acked + 1 - again);
    const batch = this.payloads.slice(from - 1, from - 1 + most);
    const packed = batch.flatMap((payload) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(payload.length);
      return [length, payload];
    });
    try {
      const {status, body} = await ask(control, 'POST', '/edge/v1/sync', {
        site: this.site, edge: uuidOf(this.edge), boot: uuidOf(this.boot), n: String(++this.n), protocols: [1, 1], version: 'test',
        journal: {epoch: 1, log: uuidOf(this.log), lastSeq: String(this.payloads.length)},
        upload: {epoch: 1, from: String(from), records: Buffer.concat(packed).toString('base64')},
        completeThrough: String(Date.now() * 1000), snapshot: {controlEpoch: '0', version: '0'}, endpoints: [],
      }, {authorization: `Bearer ${this.secret}`, 'tdn-protocol': '1'});
      if (status !== 200) {
        throw new Refused(`${status} ${JSON.stringify(body)}`);
      }
      this.acked = Number(body.acked);
      return true;
    } catch (error) {
      if (error instanceof Refused) {
        throw error;
      }
      return false;
    }
  }
}

class Refused extends Error {}
