// Looks for bytes where a process may have left them: in its memory, as a core would hold it, in its
// files, in what it said.
import {closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync} from 'node:fs';
import path from 'node:path';
import type {Process} from './process.ts';

const PIECE = 1 << 20;

interface Mapping {
  begin: number;
  end: number;
  name: string;
}

function readableMappings(pid: number): Mapping[] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'utf8').trim().split('\n');
  return lines
    .map((line) => line.match(/^([0-9a-f]+)-([0-9a-f]+) (r...) \S+ \S+ \S+ *(.*)$/))
    .filter((match) => match !== null)
    .map((match) => ({begin: parseInt(match[1], 16), end: parseInt(match[2], 16), name: match[4]}))
    .filter((one) => !/^\[v(var|syscall)/.test(one.name)); // the kernel's, not readable this way
}

// The mappings that hold `needle`. Throws if the process cannot be read, for then nothing is proven.
export function findInMemory(pid: number, needle: string): string[] {
  const found: string[] = [];
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const piece = Buffer.alloc(PIECE + needle.length);
  let looked = 0;
  try {
    for (const {begin, end, name} of readableMappings(pid)) {
      for (let at = begin; at < end; at += PIECE) {
        let count = 0;
        try {
          count = readSync(memory, piece, 0, Math.min(piece.length, end - at), at);
        } catch {
          break; // unmapped since, or beyond the end of its file
        }
        looked += count;
        const hit = piece.subarray(0, count).indexOf(needle, 0, 'latin1');
        if (hit >= 0) {
          found.push(`${(at + hit).toString(16)} ${name || 'anonymous'}: ${piece.toString('latin1', Math.max(0, hit - 40), hit + 80)}`);
        }
      }
    }
  } finally {
    closeSync(memory);
  }
  if (looked < PIECE) {
    throw new Error(`only ${looked} bytes of process ${pid} could be read`);
  }
  return found;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, {recursive: true, encoding: 'utf8'}).map((name) => path.join(folder, name));
}

function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).map((name) => {
    try {
      return readlinkSync(path.join(folder, name));
    } catch {
      return ''; // closed since
    }
  });
}

// The files that hold `needle`: those below the folders, and those that the process has open.
export function findInFiles(pid: number, folders: string[], needle: string): string[] {
  const files = new Set([...folders.flatMap(filesBelow), ...openFiles(pid).filter((name) => name.startsWith('/') && !name.startsWith('/dev/'))]);
  return [...files].filter((name) => statSync(name, {throwIfNoEntry: false})?.isFile() && readFileSync(name).includes(needle));
}

// Every place of a running process that holds `needle`.
export function findTraces(process: Process, folders: string[], needle: string): string[] {
  return [
    ...findInMemory(process.pid, needle),
    ...findInFiles(process.pid, folders, needle),
    ...(process.output.includes(needle) ? ['its output'] : []),
  ];
}
