// Processes under test: started with a folder of their own, awaited by their ready file, ended by
// their process id, with everything they said kept for the report of a failing test.
import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, watch} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../..');
export const TDN = process.env['TDN'] ?? path.join(ROOT, 'build/release/tdn');
export const CACHE = process.env['TDN_CACHE'] ?? path.join(ROOT, '.cache');

const folders: string[] = [];
const running = new Set<Process>();

export function tempFolder(name = 'tdn'): string {
  const folder = mkdtempSync(path.join(tmpdir(), `${name}-`));
  folders.push(folder);
  return folder;
}

// Ends what a test file left running and removes its folders; call it in afterAll.
export async function cleanUp(): Promise<void> {
  for (const one of [...running]) {
    await one.end('SIGKILL');
  }
  for (const folder of folders.splice(0)) {
    rmSync(folder, {recursive: true, force: true});
  }
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

// Rejects when `what` has not come within `ms`: the end of a hanging test, never a wait.
export async function within<T>(ms: number, what: string, awaited: Promise<T>, more = () => ''): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not happen within ${ms} ms\n${more()}`)), ms);
  });
  try {
    return await Promise.race([awaited, late]);
  } finally {
    clearTimeout(timer);
  }
}

export class Process {
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  output = '';
  private listeners: (() => void)[] = [];

  constructor(command: string[], options: {cwd?: string; env?: NodeJS.ProcessEnv; input?: 'pipe'} = {}) {
    this.child = spawn(command[0], command.slice(1), {
      stdio: [options.input ?? 'ignore', 'pipe', 'pipe'],
      cwd: options.cwd,
      env: {...process.env, ...options.env},
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
        for (const listener of this.listeners) {
          listener();
        }
      });
    }
    running.add(this);
    this.exited = new Promise((resolve) => {
      this.child.on('error', (error) => {
        this.output += String(error);
        running.delete(this);
        resolve({code: 127, signal: null});
      });
      this.child.on('close', (code, signal) => {
        running.delete(this);
        resolve({code, signal});
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  // Waits until the output so far matches; fails once it has ended without.
  async said(pattern: RegExp, ms = 20_000): Promise<RegExpMatchArray> {
    const found = new Promise<RegExpMatchArray>((resolve) => {
      const look = () => {
        const match = this.output.match(pattern);
        if (match) {
          resolve(match);
        }
      };
      this.listeners.push(look);
      look();
    });
    const ended = this.exited.then(({code, signal}): RegExpMatchArray => {
      const match = this.output.match(pattern);
      if (!match) {
        throw new Error(`process ${this.pid} ended with ${code ?? signal} before it said ${pattern}:\n${this.output}`);
      }
      return match;
    });
    return within(ms, `output matching ${pattern}`, Promise.race([found, ended]), () => this.output);
  }

  async end(signal: NodeJS.Signals = 'SIGTERM', ms = 15_000): Promise<Exit> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      this.child.kill(signal);
    }
    return within(ms, `end of process ${this.pid} after ${signal}`, this.exited, () => this.output);
  }
}

// Resolves with the file's content once it exists, by watching its folder.
export async function fileAppears(file: string, ms: number, more = () => ''): Promise<string> {
  let watcher: ReturnType<typeof watch> | undefined;
  const appeared = new Promise<void>((resolve) => {
    watcher = watch(path.dirname(file), () => existsSync(file) && resolve());
    if (existsSync(file)) {
      resolve();
    }
  });
  try {
    await within(ms, `file ${path.basename(file)}`, appeared, more);
    return readFileSync(file, 'utf8');
  } finally {
    watcher?.close();
  }
}

// Resolves with the file's parsed content once it satisfies `condition`, looked at after each change.
export async function fileBecomes<T>(file: string, condition: (content: T) => boolean, ms: number): Promise<T> {
  let watcher: ReturnType<typeof watch> | undefined;
  const became = new Promise<T>((resolve) => {
    const look = () => {
      if (existsSync(file)) {
        const content = JSON.parse(readFileSync(file, 'utf8')) as T; // written by rename: never half
        if (condition(content)) {
          resolve(content);
        }
      }
    };
    watcher = watch(path.dirname(file), look);
    look();
  });
  try {
    return await within(ms, `a change of ${path.basename(file)}`, became);
  } finally {
    watcher?.close();
  }
}

// Starts a command that writes `readyFile` once it serves.
export async function startReady<T>(command: string[], readyFile: string, ms = 30_000): Promise<{process: Process; ready: T}> {
  mkdirSync(path.dirname(readyFile), {recursive: true});
  rmSync(readyFile, {force: true});
  const started = new Process(command);
  const died = started.exited.then((exit): never => {
    throw new Error(`${command.join(' ')} ended (${exit.code ?? exit.signal}) before it was ready:\n${started.output}`);
  });
  died.catch(() => undefined);
  const text = await Promise.race([fileAppears(readyFile, ms, () => started.output), died]);
  return {process: started, ready: JSON.parse(text) as T};
}

export interface Result {
  status: number | null;
  stdout: string;
  stderr: string;
}

// Runs `tdn ARGUMENTS…` to its end.
export function tdn(arguments_: string[], options: {timeout?: number; cwd?: string; input?: string} = {}): Result {
  const done = spawnSync(TDN, arguments_, {encoding: 'utf8', timeout: options.timeout ?? 20_000, cwd: options.cwd, input: options.input, maxBuffer: 1 << 28});
  return {status: done.status, stdout: done.stdout ?? '', stderr: done.stderr ?? ''};
}

export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
