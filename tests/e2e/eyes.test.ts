// What an operator sees of a network: metrics that a real Prometheus takes, logs that tell a request from
// hop to hop and nothing of what was said in it, and `tdn top`.
import {spawnSync} from 'node:child_process';
import {existsSync, type FSWatcher, readdirSync, readFileSync, watch, writeFileSync} from 'node:fs';
import path from 'node:path';
import {randomBytes} from 'node:crypto';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {send, stream, sumUp} from '../harness/client.ts';
import {chat, type Network, operate, startNetwork} from '../harness/network.ts';
import {freePort} from '../harness/ports.ts';
import {cleanUp, Process, TDN, tdn, tempFolder, within} from '../harness/process.ts';

let network: Network;
beforeAll(async () => {
  network = await startNetwork();
});
afterAll(cleanUp);

const installed = (program: string): boolean => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;

// Every process that can be scraped, by its address.
const roles = (): {name: string; url: string}[] => [
  {name: 'control', url: network.ready.control},
  ...network.ready.sites.flatMap((site) => [
    {name: `edge of ${site.name}`, url: site.admin},
    {name: `engine of ${site.name}`, url: site.engine},
  ]),
];

test.skipIf(!installed('promtool'))('promtool finds nothing to say about the metrics of any role', async () => {
  await send(network.ready.gateway, chat(network.ready));
  for (const {name, url} of roles()) {
    const page = await send(url, {path: '/metrics'});
    expect(page.status, name).toBe(200);
    expect(page.headers['content-type'], name).toMatch(/^text\/plain; version=0\.0\.4/);
    const check = spawnSync('promtool', ['check', 'metrics'], {input: page.body, encoding: 'utf8'});
    expect([name, check.status, check.stdout + check.stderr]).toEqual([name, 0, '']);
    expect(page.body, name).toMatch(/^tdn_/m);
  }
});

interface Target {
  health: string;
  lastError: string;
  labels: {instance: string};
}

test.skipIf(!installed('prometheus'))('a real Prometheus scrapes every role', async () => {
  const folder = tempFolder('prometheus');
  const file = path.join(folder, 'prometheus.yml');
  const addresses = roles().map((role) => new URL(role.url).host);
  writeFileSync(file, JSON.stringify({
    global: {scrape_interval: '200ms', scrape_timeout: '200ms'},
    scrape_configs: [{job_name: 'tdn', static_configs: [{targets: addresses}]}],
  }));
  const port = await freePort();
  const prometheus = new Process(['prometheus', `--config.file=${file}`, `--storage.tsdb.path=${path.join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`]);
  await prometheus.said(/Server is ready to receive web requests/);
  const api = `http://127.0.0.1:${port}`;
  const asked = async <T>(what: string): Promise<T> => JSON.parse((await send(api, {path: what})).body).data as T;
  const scraped = async (): Promise<Target[]> => {
    for (;;) {
      const {activeTargets} = await asked<{activeTargets: Target[]}>('/api/v1/targets');
      if (activeTargets.length > 0 && activeTargets.every((target) => target.health !== 'unknown')) {
        return activeTargets;
      }
    }
  };
  const targets = await within(20_000, 'a scrape of each target', scraped(), () => prometheus.output);
  expect(targets.map((target) => [target.labels.instance, target.health, target.lastError]).sort()).toEqual(addresses.map((address) => [address, 'up', '']).sort());
  const {result} = await asked<{result: {value: [number, string]}[]}>(`/api/v1/query?query=${encodeURIComponent('sum(tdn_endpoint_up)')}`);
  expect(Number(result[0].value[1]), 'endpoints that are up, as the edges count them').toBeGreaterThanOrEqual(3);
  await prometheus.end();
});

// All that the processes of the network wrote, by file.
function logs(): Map<string, string> {
  const folder = path.join(network.state, 'logs');
  return new Map(readdirSync(folder).map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]));
}

// The lines of one log that hold `text`, once there are any: they are written behind the answer.
async function linesWith(file: string, text: string): Promise<Record<string, unknown>[]> {
  const found = () => readFileSync(file, 'utf8').split('\n').filter((line) => line.includes(text));
  let watcher: FSWatcher | undefined;
  const written = new Promise<void>((resolve) => {
    watcher = watch(file, () => found().length > 0 && resolve());
    if (found().length > 0) {
      resolve();
    }
  });
  try {
    await within(10_000, `a line with ${text} in ${file}`, written, () => readFileSync(file, 'utf8'));
    return found().map((line) => JSON.parse(line) as Record<string, unknown>);
  } finally {
    watcher?.close();
  }
}

test('the id of a request is found in the logs of the site that took it and of the site that served it', async () => {
  const site = path.join(tempFolder('site'), 'frankfurt.yaml');
  const own = operate(network, 'get', 'site', 'frankfurt', '-o', 'yaml').replace(/^.*resourceVersion.*\n/m, '');
  writeFileSync(site, own.replace(/^spec:/m, 'spec:\n  state: draining'));
  operate(network, 'apply', '-f', site);
  const reply = await send(network.ready.gateway, chat(network.ready));
  expect([reply.status, reply.headers['tdn-route']]).toEqual([200, expect.stringMatching(/^paris\//)]);
  const id = reply.headers['x-request-id'] as string;
  const log = (of: string) => path.join(network.state, 'logs', `${of}-edge.log`);
  const tells = {request: id, site: 'paris', endpoint: 'paris-1', end: 'complete', output: 8};
  expect(await linesWith(log('frankfurt'), id)).toEqual([expect.objectContaining({...tells, msg: 'served by another site'})]);
  expect(await linesWith(log('paris'), id)).toEqual([expect.objectContaining({...tells, msg: 'served for another site'})]);
  expect(readFileSync(log('ashburn'), 'utf8')).not.toContain(id);
  writeFileSync(site, own);
  operate(network, 'apply', '-f', site);
});

test('no prompt, no answer and no secret is in any log', async () => {
  const canary = `canary-${randomBytes(8).toString('hex')}`;
  const body = {messages: [{role: 'user', content: canary}], user: `${canary}-user`};
  const answers: string[] = [];
  for (const site of network.ready.sites) {
    answers.push(JSON.parse((await send(site.gateway, chat(network.ready, body))).body).choices[0].message.content);
    answers.push(sumUp(await stream(site.gateway, chat(network.ready, {...body, stream: true}))).text);
  }
  const issued = operate(network, 'key', 'issue', 'demo/playground/eyes').split('\n')[0];
  await send(network.ready.gateway, {...chat(network.ready, body), key: issued});
  await send(network.ready.gateway, {...chat(network.ready, body), key: `${issued.slice(0, -1)}x`});
  await send(network.ready.gateway, {path: '/v1/chat/completions', key: issued, body: `{"model": "${canary}`});
  await send(network.ready.control, {path: '/api/v1/sites', headers: {authorization: 'Bearer wrong-token-of-somebody'}});
  const secrets = network.ready.sites.map((site) => readFileSync(path.join(network.state, 'sites', site.name, 'node-secret'), 'utf8').trim());
  const written = logs();
  expect(written.size).toBe(8); // edge and engine of each site, control, wan
  for (const [file, text] of written) {
    expect(text, `${file} is written`).not.toBe('');
    for (const hidden of [canary, ...answers, network.ready.key, issued, issued.split('-')[3], network.ready.operatorToken, 'wrong-token-of-somebody', ...secrets]) {
      expect(text.includes(hidden), `${file} holds ${hidden}`).toBe(false);
    }
    // What is not a line of JSON is what the process says to a person at its start.
    for (const line of text.split('\n').filter((one) => one.startsWith('{'))) {
      expect(JSON.parse(line), file).toMatchObject({ts: expect.any(String), level: expect.any(String), msg: expect.any(String)});
    }
  }
});

test('tdn top, once and for programs', async () => {
  const table = operate(network, 'top', '--once');
  expect(table).toMatch(/^sites 3\/3 /);
  expect(table).toMatch(/^frankfurt +active +\d+s +frankfurt-1 +up /m);
  const json = JSON.parse(operate(network, 'top', '-o', 'json'));
  expect(json.sites.map((site: {name: string}) => site.name).sort()).toEqual(['ashburn', 'frankfurt', 'paris']);
  const alone = tdn(['top', '--state', network.state]);
  expect([alone.status, alone.stderr]).toEqual([1, expect.stringMatching(/needs a terminal; give --once/)]);
});

// A terminal of 80 columns; what `stty` says before and after must be the same.
const LEFT = '\x1b[?25h\x1b[?1049l';
test.skipIf(!installed('script')).each(['q', 'SIGTERM', 'SIGINT'])('tdn top gives its terminal back: %s', async (how) => {
  const pidFile = path.join(tempFolder('top'), 'pid');
  const inside = `stty rows 24 cols 80; stty -g; sh -c 'echo $$ >${pidFile}; exec ${TDN} top --state ${network.state}'; echo; stty -g`;
  const terminal = new Process(['script', '-qfec', inside, '/dev/null'], {input: 'pipe'});
  await terminal.said(/frankfurt-1/);
  if (how === 'q') {
    terminal.child.stdin!.write('q');
  } else {
    process.kill(Number(readFileSync(pidFile, 'utf8')), how as NodeJS.Signals);
  }
  expect((await within(10_000, 'the end of it', terminal.exited, () => terminal.output)).code).toBe(0);
  expect(terminal.output).toContain(LEFT);
  expect(terminal.output.lastIndexOf('\x1b[?1049h')).toBeLessThan(terminal.output.lastIndexOf(LEFT));
  const [before, after] = terminal.output.match(/^[0-9a-f]+(:[0-9a-f]+){10,}\r?$/gm) ?? [];
  expect(before).toBeDefined();
  expect(after).toBe(before);
  const lines = terminal.output.replace(/\x1b\[[0-9;?]*[a-zA-Z]/g, '').split(/\r?\n/);
  expect(Math.max(...lines.filter((line) => !/^[0-9a-f]+:/.test(line)).map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(existsSync(pidFile)).toBe(true);
});
