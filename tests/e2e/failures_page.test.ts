// docs/guide/failures.md: every command that it tells an operator to type works as it stands there, and what it
// says of some symptoms is what is seen when they are made.
import {spawnSync} from 'node:child_process';
import {mkdirSync, readFileSync, symlinkSync} from 'node:fs';
import path from 'node:path';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {errorOf, send, stream, sumUp} from '../harness/client.ts';
import {chat, type Network, startNetwork} from '../harness/network.ts';
import {cleanUp, ROOT, TDN, tempFolder} from '../harness/process.ts';

const page = readFileSync(path.join(ROOT, 'docs/guide/failures.md'), 'utf8');
// Symptom, command, meaning: the first table.
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')))
  .filter((cells) => cells.length === 3 && cells[0] !== 'what you see');

let network: Network;
let environment: NodeJS.ProcessEnv;
beforeAll(async () => {
  const home = tempFolder('home');
  const programs = path.join(home, 'bin');
  mkdirSync(programs);
  symlinkSync(TDN, path.join(programs, 'tdn'));
  network = await startNetwork({state: path.join(home, '.local/state/tdn')});
  environment = {...process.env, HOME: home, PATH: `${programs}:${process.env['PATH']}`};
  delete environment['XDG_STATE_HOME'];
  delete environment['XDG_CONFIG_HOME'];
});
afterAll(async () => {
  await network.process.end();
  await cleanUp();
});

function type(command: string): {status: number | null; output: string} {
  const done = spawnSync('bash', ['-c', command], {env: environment, encoding: 'utf8', timeout: 30_000});
  return {status: done.status, output: done.stdout + done.stderr};
}

const ask = () => send(network.ready.gateway, chat(network.ready));
const lastRequest = (): string | undefined => JSON.parse(type('tdn requests -o json').output).requests.at(-1)?.id;

test('the commands of the table are there to be typed', async () => {
  expect(rows.length).toBeGreaterThan(10);
  expect((await ask()).status).toBe(200);
  let id: string | undefined;
  await expect.poll(() => (id = lastRequest()) ?? '').toMatch(/^[0-9a-f-]{36}$/);
  const tried = new Set<string>();
  for (const [symptom, commands] of rows) {
    for (const [, command] of commands.matchAll(/`((?:tdn|curl|df)[^`]*)`/g)) {
      const own = command.replace('--model M', `--model ${network.ready.model}`).replace(/ ID$/, ` ${id}`).replace('http://127.0.0.1:8090', network.ready.control);
      const {status, output} = type(own);
      expect(status, `${symptom}: ${own}: ${output}`).toBe(0);
      expect(output.length, own).toBeGreaterThan(0);
      tried.add(command.split(' ').slice(0, 2).join(' '));
    }
  }
  expect([...tried].toSorted()).toEqual(expect.arrayContaining(['df', 'tdn explain', 'tdn get', 'tdn requests', 'tdn top']));
});

test('a site is taken out of service and back as the page says', async () => {
  const [, block] = /^## Take a site out of service\n\n```sh\n(.*?)^```$/ms.exec(page)!;
  const commands = block.trim().split('\n');
  expect(commands.map((command) => command.split(' ').slice(0, 3).join(' '))).toEqual(['tdn site drain', 'tdn get sites', 'tdn site uncordon']);
  const [drain, look, back] = commands;
  expect(type(drain).status).toBe(0);
  expect(type(look).output).toMatch(/frankfurt.*drain/);
  const frankfurt = network.ready.sites.find((site) => site.name === 'frankfurt')!;
  const readyz = () => send(frankfurt.admin, {path: '/readyz'});
  await expect.poll(async () => (await readyz()).status).toBe(503);
  expect((await readyz()).body).toContain('draining');
  const reply = await send(frankfurt.gateway, chat(network.ready));
  expect([reply.status, String(reply.headers['tdn-route']).split('/')[0], reply.headers.connection]).toEqual([200, expect.stringMatching(/paris|ashburn/), 'close']);
  expect(type(`tdn explain --model ${network.ready.model} --prompt hello`).output).toMatch(/its site is draining/);
  expect(type(back).status).toBe(0);
  await expect.poll(async () => (await readyz()).status).toBe(200);
  expect(String((await send(frankfurt.gateway, chat(network.ready))).headers['tdn-route'])).toMatch(/^frankfurt\//);
});

test('symptoms are what the page says they look like', async () => {
  const frankfurt = network.ready.sites.find((site) => site.name === 'frankfurt')!;
  const told = `tdn explain --model ${network.ready.model} --prompt hello`;
  // An engine that stands still answers no probe; whoever waits for it is served elsewhere.
  process.kill(frankfurt.pids.engine, 'SIGSTOP');
  const waited = await send(frankfurt.gateway, chat(network.ready));
  expect([waited.status, String(waited.headers['tdn-route']).split('/')[0]]).toEqual([200, expect.stringMatching(/paris|ashburn/)]);
  await expect.poll(() => type(told).output).toMatch(/frankfurt.*it is down/);
  expect(type('tdn top --once').output).toMatch(/frankfurt.*down/);
  process.kill(frankfurt.pids.engine, 'SIGCONT');
  await expect.poll(async () => String((await send(frankfurt.gateway, chat(network.ready))).headers['tdn-route']), {timeout: 20_000}).toMatch(/^frankfurt\//);

  // A stream that breaks off is told by its code, and its edge's log says why.
  const cut = await stream(frankfurt.gateway, chat(network.ready, {stream: true, max_tokens: 200}), {onEvent: (_, count) => count === 3 && process.kill(frankfurt.pids.engine, 'SIGKILL')});
  expect(sumUp(cut).error?.code).toBe('stream_interrupted');
  const id = cut.headers['x-request-id'];
  await expect.poll(() => JSON.parse(type('tdn requests -o json').output).requests.find((one: {id: string}) => one.id === id)?.code).toBe('stream_interrupted');
  expect(type('tdn requests').output).toMatch(/frankfurt.*stream_interrupted/);
  expect(readFileSync(path.join(environment['HOME']!, '.local/state/tdn/logs/frankfurt-edge.log'), 'utf8')).toMatch(new RegExp(`an answer broke off.*${id}.*broke off in its middle`));
  await expect.poll(async () => String((await send(frankfurt.gateway, chat(network.ready))).headers['tdn-route']), {timeout: 20_000}).toMatch(/^frankfurt\//);

  // Control is away: its commands say so, and everybody is served.
  expect(type('tdn chaos kill control').status).toBe(0);
  const alone = type('tdn get sites');
  expect([alone.status, alone.output]).toEqual([1, expect.stringMatching(/control is not running in .*: `tdn chaos heal control --state/)]);
  expect(type(told)).toMatchObject({status: 0, output: expect.stringMatching(/frankfurt/)});
  expect((await ask()).status).toBe(200);
  expect(type('tdn chaos heal').status).toBe(0);
  await expect.poll(() => type('tdn get sites').status, {timeout: 20_000}).toBe(0);

  // Nobody is left who may serve.
  for (const site of network.ready.sites) {
    expect(type(`tdn site cordon ${site.name}`).status).toBe(0);
  }
  await expect.poll(async () => (await ask()).status).toBe(503);
  expect(errorOf(await ask()).code).toBe('zone_unavailable');
  expect(rows.map(([symptom]) => symptom).join('\n')).toContain('zone_unavailable');
  expect(type(told).output.match(/its site is cordoned/g)).toHaveLength(3);
});
