// Manifests as the tests need them: one tenant, one key, sites and endpoints given by the caller.
// Written as JSON documents, which are YAML.
import {writeFileSync} from 'node:fs';
import path from 'node:path';
import {type ApiKey, makeKey} from './keys.ts';

export interface EndpointSpec {
  name: string;
  site?: string;
  kind?: 'tdn' | 'openai' | 'llamacpp' | 'vllm' | 'sglang';
  url: string;
  model?: string;
  as?: string;
  concurrency?: number;
  more?: object; // further fields of its spec
}

export interface World {
  sites?: Record<string, {country: string; city?: string; latitude: number; longitude: number}>;
  models?: Record<string, {contextLength?: number; aliases?: string[]; price?: {input: string; cachedInput: string; output: string}}>;
  endpoints: EndpointSpec[];
  keys?: {name: string; key: ApiKey; spec?: object}[];
  more?: object[];
}

export const FRANKFURT = {country: 'DE', city: 'Frankfurt', latitude: 50.11, longitude: 8.68};
export const PARIS = {country: 'FR', city: 'Paris', latitude: 48.86, longitude: 2.35};
export const PRICE = {input: '0.02', cachedInput: '0.005', output: '0.04'};

const object = (kind: string, name: string, spec: object) => ({apiVersion: 'tdn/v1', kind, metadata: {name}, spec});

export function documents(world: World): object[] {
  const sites = world.sites ?? {frankfurt: FRANKFURT};
  const models = world.models ?? {smollm2: {aliases: ['smollm2-135m'], contextLength: 2048}};
  const keys = world.keys ?? [];
  return [
    object('Zone', 'eu', {countries: ['DE', 'FR']}),
    ...Object.entries(sites).map(([name, location]) =>
      object('Site', name, {location, jurisdiction: {operator: 'example-telco', keyCustody: 'DE', logResidency: 'DE'}}),
    ),
    ...Object.entries(models).map(([name, model]) =>
      object('Model', name, {
        aliases: model.aliases ?? [],
        contextLength: model.contextLength ?? 2048,
        price: {currency: 'USD', perMillion: model.price ?? PRICE},
      }),
    ),
    ...world.endpoints.map((endpoint) =>
      object('Endpoint', endpoint.name, {
        site: endpoint.site ?? Object.keys(sites)[0],
        kind: endpoint.kind ?? 'openai',
        url: endpoint.url,
        models: [{model: endpoint.model ?? Object.keys(models)[0], ...(endpoint.as ? {as: endpoint.as} : {})}],
        concurrency: endpoint.concurrency ?? 64,
        ...endpoint.more,
      }),
    ),
    object('Tenant', 'demo', {displayName: 'Demo'}),
    object('Project', 'demo/playground', {}),
    ...keys.map(({name, key, spec}) =>
      object('Key', name, {...spec, secrets: [{id: key.id, sha256: key.sha256}]}),
    ),
    ...(world.more ?? []),
  ];
}

export function manifestText(objects: object[]): string {
  return objects.map((one) => `---\n${JSON.stringify(one, null, 1)}\n`).join('');
}

// Writes DIR/manifests.yaml with one key, demo/playground/laptop, beside those given.
export function writeWorld(folder: string, world: World): {file: string; key: ApiKey} {
  const key = makeKey();
  const file = path.join(folder, 'manifests.yaml');
  const all = {...world, keys: [{name: 'demo/playground/laptop', key}, ...(world.keys ?? [])]};
  writeFileSync(file, manifestText(documents(all)));
  return {file, key};
}
