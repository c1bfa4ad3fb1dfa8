// API keys, made here from their published format and not by the program under test.
import {createHash, randomBytes} from 'node:crypto';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const CROCKFORD = '0123456789abcdefghjkmnpqrstvwxyz';

export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; ++bit) {
      crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    }
  }
  return ~crc >>> 0;
}

function base62(value: bigint, width: number): string {
  let text = '';
  for (let i = 0; i < width; ++i) {
    text = BASE62[Number(value % 62n)] + text;
    value /= 62n;
  }
  return text;
}

export interface ApiKey {
  id: string;
  secret: string; // the whole string a client sends
  sha256: string;
}

export function makeKey(
  id = Array.from(randomBytes(10), (byte) => CROCKFORD[byte % 32]).join(''),
  secret: Uint8Array = randomBytes(32),
): ApiKey {
  const head = `sk-tdn-${id}-${base62(BigInt(`0x${Buffer.from(secret).toString('hex')}`), 43)}`;
  const whole = `${head}-${base62(BigInt(crc32c(Buffer.from(head))), 6)}`;
  return {id, secret: whole, sha256: createHash('sha256').update(whole).digest('hex')};
}
