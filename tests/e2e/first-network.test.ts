// docs/guide/first-network.md, word for word: its commands are run as they stand there, but for the ports
// and the folder, and what it says they answer must come, in that order.
import {spawn} from 'node:child_process';
import {mkdirSync, readFileSync, symlinkSync} from 'node:fs';
import path from 'node:path';
import {afterAll, expect, test} from 'vitest';
import {startNetwork} from '../harness/network.ts';
import {cleanUp, ROOT, TDN, tempFolder, within} from '../harness/process.ts';

afterAll(cleanUp);

interface Step {
  commands: string;
  answers: string[]; // lines, `…` for anything
}

function stepsOf(page: string): Step[] {
  const steps: Step[] = [];
  for (const [, language, text] of page.matchAll(/^```(sh|text)\n(.*?)^```$/gms)) {
    if (language === 'sh') {
      steps.push({commands: text, answers: []});
    } else {
      steps.at(-1)!.answers.push(...text.trimEnd().split('\n'));
    }
  }
  return steps;
}

const MARK = '@@ step';

// All steps in one shell, as a person has one; what each of them printed.
async function runInOneShell(steps: Step[], folder: string, home: string): Promise<string[]> {
  const script = steps.map((step) => `${step.commands}\necho; echo '${MARK}'\n`).join('');
  const environment: NodeJS.ProcessEnv = {...process.env, HOME: home};
  delete environment['XDG_STATE_HOME'];
  delete environment['XDG_CONFIG_HOME'];
  const shell = spawn('bash', ['-eu', '-o', 'pipefail', '-c', script], {cwd: folder, env: environment});
  let output = '';
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  }
  const code = await within(60_000, 'the end of the page', new Promise((resolve) => shell.on('close', resolve)), () => output);
  expect(code, output).toBe(0);
  return output.split(`${MARK}\n`);
}

function patternOf(answer: string): RegExp {
  const escaped = (part: string) => part.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/ +/g, ' +');
  return new RegExp(`^${answer.split('…').map(escaped).join('.*')}$`);
}

test('the page does what it says', async () => {
  const page = readFileSync(path.join(ROOT, 'docs/guide/first-network.md'), 'utf8');
  const home = tempFolder('home');
  const network = await startNetwork({state: path.join(home, '.local/state/tdn')});
  const folder = tempFolder('clone');
  mkdirSync(path.join(folder, 'build/release'), {recursive: true});
  symlinkSync(TDN, path.join(folder, 'build/release/tdn'));
  const own = network.ready.sites.reduce((text, site, i) => text.replaceAll(`http://127.0.0.1:${8080 + 100 * i}`, site.gateway), page);

  const [first, ...steps] = stepsOf(own);
  expect(first.commands, 'what startNetwork did here').toBe('scripts/up\n');
  expect(steps.length).toBeGreaterThan(8);
  const printed = await runInOneShell(steps, folder, home);
  steps.forEach((step, i) => {
    const lines = printed[i].split(/\r?\n/);
    let at = 0;
    for (const answer of step.answers) {
      const pattern = patternOf(answer);
      const found = lines.findIndex((line, number) => number >= at && pattern.test(line.trimEnd()));
      expect(found, `"${answer}" after line ${at} of\n${printed[i]}`).toBeGreaterThanOrEqual(0);
      at = found + 1;
    }
  });
  expect(steps.filter((step) => step.answers.length > 0).length, 'steps whose answers are checked').toBeGreaterThan(8);
  await network.process.end();
});
