// What control keeps, record by record, read from its database by a reader of our own that shares no code with
// the product: no command lists single records.
import path from 'node:path';
import {DatabaseSync} from 'node:sqlite';
import {expect} from 'vitest';

type Value = number | bigint | string | boolean | null | Uint8Array | Value[] | Map<Value, Value>;

// One CBOR value of the kinds that usage records have, and where it ends.
function decode(bytes: Uint8Array, at: number): {value: Value; end: number} {
  const [major, low] = [bytes[at] >> 5, bytes[at] & 31];
  const size = low < 24 ? 0 : 1 << (low - 24);
  let count = BigInt(low);
  if (size > 0) {
    count = bytes.subarray(at + 1, at + 1 + size).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  }
  let end = at + 1 + size;
  const next = (): Value => {
    const inner = decode(bytes, end);
    end = inner.end;
    return inner.value;
  };
  const length = Number(count);
  switch (major) {
    case 0:
      return {value: length, end};
    case 1:
      return {value: -1n - count, end};
    case 2:
      return {value: bytes.subarray(end, end + length), end: end + length};
    case 3:
      return {value: new TextDecoder().decode(bytes.subarray(end, end + length)), end: end + length};
    case 4: {
      const value = Array.from({length}, next);
      return {value, end};
    }
    case 5: {
      const value = new Map(Array.from({length}, () => [next(), next()] as const));
      return {value, end};
    }
    default:
      return {value: low === 20 ? false : low === 21 ? true : null, end};
  }
}

interface CentralRecord {
  request: string;
  bought: boolean; // by the edge that its client spoke to
  output: number; // tokens
}

const SOLD = 2;

// Everything that control has ever taken, of the network whose control has this state folder.
function centralRecords(controlState: string): CentralRecord[] {
  const database = new DatabaseSync(path.join(controlState, 'control.db'), {readOnly: true});
  try {
    return database.prepare('SELECT record FROM records').all().map((row) => {
      const record = decode(row['record'] as Uint8Array, 0).value as Map<Value, Value>;
      const hex = Buffer.from(record.get(1) as Uint8Array).toString('hex');
      const reported = (record.get(21) ?? new Map()) as Map<Value, Value>;
      return {
        request: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
        bought: record.get(3) !== SOLD,
        output: Number(reported.get(32) ?? 0) + Number(reported.get(33) ?? 0),
      };
    });
  } finally {
    database.close();
  }
}

// Request → output tokens of each record of its purchase: of one, if all is well.
export function purchases(controlState: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const record of centralRecords(controlState).filter((one) => one.bought)) {
    found.set(record.request, [...(found.get(record.request) ?? []), record.output]);
  }
  return found;
}

// Each finish that a client saw was bought once, with its tokens, and nothing was bought twice.
export function expectPurchases(controlState: string, finished: {id?: string; output: number}[]): void {
  const found = purchases(controlState);
  expect([...found].filter(([, outputs]) => outputs.length !== 1), 'bought twice').toEqual([]);
  expect(finished.filter((one) => found.get(one.id ?? '')?.[0] !== one.output), 'finished, and not bought so').toEqual([]);
}
