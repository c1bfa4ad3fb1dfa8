// `tdn wan` between the parts of a network: distances, and cuts, resets and slowness on command.
import {writeFileSync} from 'node:fs';
import path from 'node:path';
import {type Process, startReady, TDN, tempFolder} from './process.ts';

export interface WanLink {
  from: string;
  to: string;
  target: string; // host:port
  rttMs: number;
}

export interface Fault {
  target: string; // "paris", "paris-frankfurt", "all"
  state: 'cut' | 'reset' | 'slow';
  addedMs?: number;
}

export class Wan {
  private constructor(
    readonly process: Process,
    private readonly url: string,
    private readonly token: string,
    private readonly addresses: Map<string, string>,
  ) {}

  static async start(links: WanLink[]): Promise<Wan> {
    const folder = tempFolder('wan');
    const token = 'a-token-of-this-test-alone-0123456789';
    writeFileSync(path.join(folder, 'token'), token, {mode: 0o600});
    const config = path.join(folder, 'wan.yaml');
    writeFileSync(config, JSON.stringify({control: {listen: '127.0.0.1:0', tokenFile: path.join(folder, 'token')}, links}));
    const readyFile = path.join(folder, 'ready.json');
    const {process, ready} = await startReady<{wan: string; links: {from: string; to: string; address: string}[]}>([TDN, 'wan', '--config', config, '--ready-file', readyFile], readyFile);
    return new Wan(process, ready.wan, token, new Map(ready.links.map((link) => [`${link.from} ${link.to}`, link.address])));
  }

  // Where `from` dials to reach `to`.
  address(from: string, to: string): string {
    const found = this.addresses.get(`${from} ${to}`);
    if (!found) {
      throw new Error(`no link from ${from} to ${to}`);
    }
    return found;
  }

  // The whole set of what is broken; none heals all.
  async faults(...faults: Fault[]): Promise<void> {
    const answer = await fetch(`${this.url}/v1/faults`, {method: 'PUT', headers: {authorization: `Bearer ${this.token}`}, body: JSON.stringify({faults})});
    if (answer.status !== 200) {
      throw new Error(`wan answered ${answer.status}: ${await answer.text()}`);
    }
  }
}
