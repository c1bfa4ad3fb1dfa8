// A network of parts started one by one, so that a test may arm, kill and restart each of them:
// control, and for every site an edge and a simulated engine. Laid out as `tdn up` lays it out.
import {randomBytes} from 'node:crypto';
import {createHash} from 'node:crypto';
import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {type Engine, startEngine, type Usage} from './edge.ts';
import {type ApiKey, makeKey} from './keys.ts';
import {FAST} from './load.ts';
import {documents, manifestText} from './manifests.ts';
import {freeAddress, freePort} from './ports.ts';
import {type Process, type Result, startReady, TDN, tdn, tempFolder, within} from './process.ts';
import {Wan, type WanLink} from './wan.ts';

export const SITES: Record<string, {country: string; city: string; latitude: number; longitude: number}> = {
  frankfurt: {country: 'DE', city: 'Frankfurt', latitude: 50.11, longitude: 8.68},
  paris: {country: 'FR', city: 'Paris', latitude: 48.86, longitude: 2.35},
  ashburn: {country: 'US', city: 'Ashburn', latitude: 39.04, longitude: -77.49},
};

const base62 = (bytes: Uint8Array): string => {
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  let value = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (let i = 0; i < 43; ++i) {
    text = digits[Number(value % 62n)] + text;
    value /= 62n;
  }
  return text;
};

export interface Site {
  name: string;
  state: string;
  gateway: string;
  admin: string;
  peers: string; // host:port
  secretFile: string;
  engine: Engine;
  edge?: Process;
}

export interface Start {
  under?: string[]; // ["env", "TDN_FAILPOINT=…"]
}

export class Network {
  control?: Process;
  readonly sites: Site[] = [];
  readonly key: ApiKey = makeKey();
  url = '';
  controlKey = '';
  wan?: Wan; // if the sites are apart

  private constructor(
    readonly state: string,
    private readonly timing: string,
  ) {}

  get controlState(): string {
    return path.join(this.state, 'control');
  }
  site(name: string): Site {
    const found = this.sites.find((one) => one.name === name);
    if (!found) {
      throw new Error(`no site ${name}`);
    }
    return found;
  }
  target(name: string): {gateway: string; key: string} {
    return {gateway: this.site(name).gateway, key: this.key.secret};
  }

  // Starts all parts and applies the manifests; `more` objects are applied with them.
  static async start(options: {sites?: string[]; timing?: string; more?: object[]; keys?: {name: string; key: ApiKey; spec?: object}[]; rttMs?: number} = {}): Promise<Network> {
    const network = new Network(path.join(tempFolder('network'), 'state'), options.timing ?? FAST);
    mkdirSync(network.controlState, {recursive: true, mode: 0o700});
    const nodes = [];
    for (const name of options.sites ?? Object.keys(SITES)) {
      const state = path.join(network.state, 'sites', name);
      mkdirSync(state, {recursive: true, mode: 0o700});
      const secret = base62(randomBytes(32));
      const secretFile = path.join(state, 'node-secret');
      writeFileSync(secretFile, secret, {mode: 0o600});
      nodes.push({site: name, sha256: createHash('sha256').update(secret).digest('hex')});
      const [gateway, admin, peers] = [await freePort(), await freePort(), await freePort()];
      network.sites.push({
        name,
        state,
        gateway: `http://127.0.0.1:${gateway}`,
        admin: `http://127.0.0.1:${admin}`,
        peers: `127.0.0.1:${peers}`,
        secretFile,
        engine: await startEngine({simulated: network.timing, listen: await freeAddress()}),
      });
    }
    writeFileSync(path.join(network.controlState, 'nodes.json'), JSON.stringify({nodes}), {mode: 0o600});
    network.url = `http://${await freeAddress()}`;
    if (options.rttMs) {
      network.wan = await Wan.start(network.links(options.rttMs));
    }
    await network.startControl();
    await network.apply([
      ...documents({
        sites: Object.fromEntries(network.sites.map((site) => [site.name, SITES[site.name]])),
        endpoints: network.sites.map((site) => ({name: `${site.name}-1`, site: site.name, kind: 'tdn', url: site.engine.url, as: site.engine.model})),
        keys: [{name: 'demo/playground/laptop', key: network.key}, ...(options.keys ?? [])],
        more: options.more,
      }).map((one) => withGateway(one, network.sites)),
    ]);
    await Promise.all(network.sites.map((site) => network.startEdge(site.name)));
    await within(20_000, 'every edge knowing every endpoint to be up', Promise.all(network.sites.map((site) => network.allUp(site))));
    return network;
  }

  private links(rttMs: number): WanLink[] {
    return this.sites.flatMap((site) => [
      {from: site.name, to: 'control', target: this.url.slice('http://'.length), rttMs},
      ...this.sites.filter((one) => one !== site).map((one) => ({from: site.name, to: one.name, target: one.peers, rttMs})),
    ]);
  }

  // An edge that started before its peers asks for them again each second; it tells only when asked.
  async allUp(site: Site): Promise<void> {
    for (let up = 0; up < this.sites.length; ) {
      const page = await (await fetch(`${site.admin}/metrics`)).text();
      up = (page.match(/^tdn_endpoint_up\{.*\} 1$/gm) ?? []).length;
    }
  }

  async startControl(start: Start = {}): Promise<void> {
    const readyFile = path.join(tempFolder('control'), 'ready.json');
    const command = [...(start.under ?? []), TDN, 'control', '--state', this.controlState, '--listen', this.url.slice('http://'.length), '--ready-file', readyFile];
    const {process, ready} = await startReady<{control: string; controlKey: string; pid: number}>(command, readyFile);
    this.control = process;
    this.controlKey = ready.controlKey;
  }

  async startEdge(name: string, start: Start = {}): Promise<Process> {
    const site = this.site(name);
    const readyFile = path.join(tempFolder('edge'), 'ready.json');
    const dial = this.sites.filter((one) => one !== site).flatMap((one) => ['--dial', `${one.name}=${this.wan?.address(name, one.name) ?? one.peers}`]);
    const control = this.wan ? `http://${this.wan.address(name, 'control')}` : this.url;
    const command = [...(start.under ?? []), TDN, 'edge', '--site', name, '--control', control, '--control-key', this.controlKey, '--node-secret', site.secretFile,
      '--state', site.state, '--listen', site.gateway.slice('http://'.length), '--admin', site.admin.slice('http://'.length), '--peers', site.peers, ...dial, '--shards', '1',
      '--ready-file', readyFile];
    const {process} = await startReady(command, readyFile);
    site.edge = process;
    return process;
  }

  // Where it was before.
  async startEngine(name: string): Promise<void> {
    const site = this.site(name);
    site.engine = await startEngine({simulated: this.timing, listen: site.engine.url.slice('http://'.length)});
  }

  // `tdn ARGUMENTS…` against this control.
  tdn(arguments_: string[], options: {input?: string; timeout?: number} = {}): Result {
    return tdn([...arguments_, '--control', this.url, '--token-file', path.join(this.controlState, 'operator-token')], options);
  }

  async apply(objects: object[]): Promise<Result> {
    const done = this.tdn(['apply', '-f', '-'], {input: manifestText(objects)});
    if (done.status !== 0) {
      throw new Error(`tdn apply ended with ${done.status}: ${done.stderr}${done.stdout}`);
    }
    return done;
  }

  // What control bills.
  usage(by: string, wait = 20): Usage {
    const done = this.tdn(['usage', '--by', by, '--wait', String(wait), '-o', 'json'], {timeout: (wait + 10) * 1000});
    if (done.status !== 0) {
      throw new Error(`tdn usage ended with ${done.status}: ${done.stderr}${done.stdout}`);
    }
    return JSON.parse(done.stdout) as Usage;
  }

  async stop(): Promise<void> {
    for (const site of this.sites) {
      await site.edge?.end('SIGKILL');
      await site.engine.process.end('SIGKILL');
    }
    await this.control?.end('SIGKILL');
    await this.wan?.process.end('SIGKILL');
  }
}

function withGateway(one: object, sites: Site[]): object {
  const manifest = one as {kind: string; metadata: {name: string}; spec: object};
  const site = manifest.kind === 'Site' ? sites.find((each) => each.name === manifest.metadata.name) : undefined;
  return site ? {...manifest, spec: {...manifest.spec, gateway: site.gateway}} : manifest;
}
