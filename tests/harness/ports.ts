// Ports for parts that others must know of before they start, or that come back where they were.
import {readFileSync} from 'node:fs';
import net from 'node:net';

// Beside those that the system hands out to connections: any client's would keep a part that was
// killed from coming back.
function range(): {first: number; last: number} {
  const [low, high] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s+/).map(Number);
  if (low >= 11_240) {
    return {first: 10_240, last: low - 1};
  }
  return high <= 64_535 ? {first: Math.max(high + 1, 10_240), last: 65_535} : {first: 0, last: 0};
}

function isFree(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(port, '127.0.0.1', () => {
      const bound = (server.address() as net.AddressInfo).port;
      server.close(() => resolve(bound));
    });
  });
}

export async function freePort(): Promise<number> {
  const {first, last} = range();
  for (let tries = 0; tries < 1000; ++tries) {
    const port = await isFree(first === 0 ? 0 : first + Math.floor(Math.random() * (last - first + 1)));
    if (port !== undefined) {
      return port;
    }
  }
  throw new Error('no port is free on 127.0.0.1');
}

export const freeAddress = async (): Promise<string> => `127.0.0.1:${await freePort()}`;
