// An operator's day at the command line: changes, refusals that name the remedy, keys, usage of all sites.
import {spawnSync} from 'node:child_process';
import {mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {send} from '../harness/client.ts';
import {totals, type Usage, usage} from '../harness/edge.ts';
import {chat, edgeState, type Network, operate, startNetwork} from '../harness/network.ts';
import {cleanUp, type Result, tdn, TDN, tempFolder} from '../harness/process.ts';

let network: Network;
beforeAll(async () => {
  network = await startNetwork();
});
afterAll(cleanUp);

const say = (...command: string[]): Result => tdn([...command, '--state', network.state]);
const sayWith = (input: string, ...command: string[]): Result => tdn([...command, '--state', network.state], {input});
const manifest = (kind: string, name: string, spec: object): string => `---\n${JSON.stringify({apiVersion: 'tdn/v1', kind, metadata: {name}, spec})}\n`;

test('mistakes are told with file, line and remedy, and nothing is applied', () => {
  const file = path.join(tempFolder('bad'), 'bad.yaml');
  writeFileSync(file, `${manifest('Zone', 'fine', {countries: ['DE']})}---\napiVersion: tdn/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  rules:\n    - {match: {tenants: [nobody]}, require: {zones: [nowhere]}}\n`);
  const refused = say('apply', '-f', file);
  expect(refused.status).toBe(1);
  expect(refused.stdout).toBe('');
  expect(refused.stderr).toMatch(/bad\.yaml:\d+: .*nobody/);
  expect(refused.stderr).toMatch(/bad\.yaml:\d+: .*nowhere/);
  expect(refused.stderr).toMatch(/^nothing was applied$/m);
  expect(say('get', 'zone', 'fine').status).toBe(1);
});

test('what get writes, apply takes: unchanged, or a conflict if somebody was faster', () => {
  const before = operate(network, 'get', 'models', '-o', 'yaml');
  expect(sayWith(before, 'apply', '-f', '-').stdout).toMatch(/^model\/smollm2 unchanged$/m);
  expect(sayWith(before.replace(/output: .*/, 'output: "0.08"'), 'apply', '-f', '-').stdout).toMatch(/^model\/smollm2 configured$/m);
  const late = sayWith(before.replace(/output: .*/, 'output: "0.05"'), 'apply', '-f', '-');
  expect([late.status, late.stderr]).toEqual([1, expect.stringMatching(/smollm2.*has version \d+ by now.*get it again/)]);
  expect(operate(network, 'get', 'model', 'smollm2')).toMatch(/ 0\.08 /);
  expect(sayWith(before.replace(/^.*resourceVersion.*\n/gm, ''), 'apply', '-f', '-').status).toBe(0);
});

test('an object in use is not deleted; what refers to it is named', () => {
  const refused = say('delete', 'site/paris');
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringMatching(/paris.*in use.*paris-1/)]);
  expect(operate(network, 'describe', 'site', 'paris')).toMatch(/^Endpoints: paris-1$/m);
});

test('a key that is issued works at once at every gateway, and a revoked one at none', async () => {
  const {key, id} = JSON.parse(operate(network, 'key', 'issue', 'demo/playground/tablet', '-o', 'json'));
  const second = operate(network, 'key', 'issue', 'demo/playground/tablet').split('\n')[0];
  expect(say('key', 'issue', 'demo/playground/tablet')).toMatchObject({status: 1, stderr: expect.stringMatching(/two/)});
  const statuses = (secret: string) => Promise.all(network.ready.sites.map(async (site) => (await send(site.gateway, {...chat(network.ready), key: secret})).status));
  expect(await statuses(key)).toEqual([200, 200, 200]);
  operate(network, 'key', 'revoke', 'demo/playground/tablet', '--id', id);
  expect(await statuses(key)).toEqual([401, 401, 401]);
  expect(await statuses(second)).toEqual([200, 200, 200]);
  operate(network, 'key', 'revoke', 'demo/playground/tablet');
  expect(await statuses(second)).toEqual([401, 401, 401]);
  operate(network, 'delete', 'key', 'demo/playground/tablet');
});

test('usage of all sites is the sum of what each edge has bought', async () => {
  for (const site of network.ready.sites) {
    await send(site.gateway, chat(network.ready));
  }
  const central = usage(network.state, 'site');
  expect(central.lateSites).toEqual([]);
  expect(central.completeThrough).toMatch(/^\d{4}-/);
  const own = network.ready.sites.map((site) => totals(usage(edgeState(network, site.name))));
  const sum = own.reduce((a, b) => ({requests: a.requests + b.requests, input: a.input + b.input, cachedInput: a.cachedInput + b.cachedInput, output: a.output + b.output}));
  expect(totals(central)).toEqual(sum);
  expect(operate(network, 'usage', '--wait', '10')).toMatch(/^complete through \d{4}-/m);
});

test('a site that does not report is named as late', () => {
  const {edge} = network.ready.sites[2].pids;
  process.kill(edge, 'SIGSTOP');
  try {
    const done = say('usage', '--wait', '1', '-o', 'json');
    expect(done.status, done.stderr).toBe(0);
    expect((JSON.parse(done.stdout) as Usage).lateSites).toEqual(['ashburn']);
    expect(operate(network, 'usage', '--wait', '1')).toMatch(/^late: ashburn; /m);
    // A change says so too, and is made all the same.
    const applied = sayWith(manifest('Zone', 'late', {countries: ['DE']}), 'apply', '-f', '-');
    expect(applied.status).toBe(0);
    expect(applied.stdout).toMatch(/acknowledged by frankfurt, paris$/m);
    expect(applied.stdout).toMatch(/not acknowledged in time by ashburn/);
  } finally {
    process.kill(edge, 'SIGCONT');
  }
  operate(network, 'delete', 'zone', 'late');
});

test('a network is found by its address and token, or as a context', () => {
  const token = path.join(network.state, 'control/operator-token');
  const far = tdn(['get', 'sites', '--control', network.ready.control, '--token-file', token]);
  expect([far.status, far.stdout]).toEqual([0, expect.stringMatching(/^frankfurt /m)]);
  const config = tempFolder('config');
  mkdirSync(path.join(config, 'tdn'));
  writeFileSync(path.join(config, 'tdn/contexts.yaml'), `current: lab\ncontexts:\n  - {name: lab, control: '${network.ready.control}', tokenFile: ${token}}\n`);
  const before = process.env['XDG_CONFIG_HOME'];
  process.env['XDG_CONFIG_HOME'] = config;
  try {
    expect(tdn(['get', 'sites']).stdout).toMatch(/^paris /m);
    expect(tdn(['get', 'sites', '--context', 'home'])).toMatchObject({status: 1, stderr: expect.stringMatching(/no context `home`; there are: lab/)});
  } finally {
    if (before === undefined) {
      delete process.env['XDG_CONFIG_HOME'];
    } else {
      process.env['XDG_CONFIG_HOME'] = before;
    }
  }
  const wrong = path.join(config, 'token');
  writeFileSync(wrong, 'not-the-token\n');
  expect(tdn(['get', 'sites', '--control', network.ready.control, '--token-file', wrong])).toMatchObject({status: 1, stderr: expect.stringMatching(/token/)});
});

test('a network that does not run is told with the command that starts it', async () => {
  const other = await startNetwork();
  await other.process.end();
  for (const command of [['get', 'sites'], ['usage'], ['top', '--once'], ['key', 'issue', 'demo/playground/x']]) {
    const done = tdn([...command, '--state', other.state]);
    expect([done.status, done.stdout]).toEqual([1, '']);
    expect(done.stderr).toBe(`tdn: control is not running in ${other.state}: start it with \`tdn up --state ${other.state}\`\n`);
  }
  // Its edges' own books are there all the same.
  expect(tdn(['usage', '--state', edgeState(other, 'paris')]).status).toBe(0);
});

test('output that cannot be written is told, a reader who has seen enough is not', () => {
  const run = (command: string) => spawnSync('sh', ['-c', command, 'sh', TDN], {encoding: 'utf8'});
  expect(run('"$1" --help >/dev/full')).toMatchObject({status: 1, stderr: 'tdn: the output could not be written; is the disk full?\n'});
  const gate = path.join(tempFolder(), 'gate');
  const enough = run(`mkfifo '${gate}'; { read -r _ <'${gate}'; "$1" --help; echo "status $?" >&2; } | { exec <&-; echo >'${gate}'; }`);
  expect(enough.stderr).toBe('status 1\n');
});
