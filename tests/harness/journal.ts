// An edge's journal as `tdn journal` tells it: what each request came to, and from which frames.
import {expect} from 'vitest';
import {tdn} from './process.ts';

export interface UsageRecord {
  request: string;
  seq: string;
  side: string;
  end: string;
  finish: string;
  flags: string[];
  reported: Record<string, string>; // by token class
  verified?: Record<string, string>;
  amount: string;
  admission: string;
}

export interface Journal {
  admitted: Map<string, string>; // lsn of the admission → request
  records: UsageRecord[];
  checkpoints: Map<string, Record<string, string>[]>; // request → usage, in order
  delivered: Set<string>; // seq
  refused: Set<string>; // requests
}

interface Frame {
  lsn: string;
  type: string;
  draft?: UsageRecord;
  record?: UsageRecord;
  admission?: string;
  usage?: Record<string, string>;
  seq?: string;
}

export function readJournal(state: string): Journal {
  const done = tdn(['journal', 'dump', state]);
  expect(done.status, done.stderr).toBe(0);
  const journal: Journal = {admitted: new Map(), records: [], checkpoints: new Map(), delivered: new Set(), refused: new Set()};
  // The last batch of an unclean end is written anew: of frames with one lsn the later counts.
  const frames = new Map(done.stdout.split('\n').filter(Boolean).map((line) => [(JSON.parse(line) as Frame).lsn, JSON.parse(line) as Frame]));
  for (const frame of frames.values()) {
    const request = journal.admitted.get(frame.admission ?? '') ?? '';
    if (frame.draft) {
      journal.admitted.set(frame.lsn, frame.draft.request);
    } else if (frame.record) {
      journal.records.push(frame.record);
    } else if (frame.usage) {
      journal.checkpoints.set(request, [...(journal.checkpoints.get(request) ?? []), frame.usage]);
    } else if (frame.type === 'refusal') {
      journal.refused.add(request);
    } else if (frame.seq) {
      journal.delivered.add(frame.seq);
    }
  }
  return journal;
}

// Proves the journal whole, and no request open.
export function checkJournal(state: string): void {
  const check = tdn(['journal', 'check', state]);
  expect(check.status, check.stdout + check.stderr).toBe(0);
  expect(check.stdout).toMatch(/, 0 requests open$/m);
  expect(check.stdout).not.toMatch(/, [1-9]\d* requests open$/m);
}

export interface Counts {
  fresh: number;
  cached: number;
  output: number;
}

export function countsOf(usage: Record<string, string>): Counts {
  const of = (...classes: number[]) => classes.reduce((sum, one) => sum + Number(usage[one] ?? 0), 0);
  return {fresh: of(1), cached: of(2), output: of(32, 33)};
}

// Of an amount of money, in 10⁻¹² units of its currency.
export function picos(amount: string): bigint {
  const [whole, fraction = ''] = amount.split('.');
  return BigInt(whole + fraction.padEnd(12, '0'));
}
