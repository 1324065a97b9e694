/**
 * Records of one object that wait while another is being written go together, as one entry: under load one
 * write carries many, and a record that comes alone waits for nobody.
 * @module
 */
import type { Opening } from '#shared/audit/record.ts';
import type { Bytes } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { AuditStore, NewEntry } from '../stores/audit.ts';

/** Records of one entry at most. */
const entryLimit = 32;

/** A record and what its commitment hides. */
export interface Made {
  readonly id: string;
  readonly organization: string;
  /** Of the organization at this node. */
  readonly log: string;
  readonly timeMs: number;
  readonly leaf: Bytes;
  readonly opening: Opening;
}

export const entryOf = (name: string, records: readonly [Made, ...Made[]]): NewEntry => ({
  name,
  organization: records[0].organization,
  timeMs: records[0].timeMs,
  leaves: records.map(({ leaf }) => leaf),
  openings: records.map(({ opening }) => opening),
});

interface Waiting {
  readonly made: Made;
  readonly resolve: (event: string) => void;
  readonly reject: (cause: unknown) => void;
}

/** Appends a record, and resolves to its event: the name of its entry and, above 0, its place there. */
export function togetherIn(store: AuditStore): (object: string, made: Made) => Promise<string> {
  const queues = new Map<string, Waiting[]>();
  const write = async ([first, ...others]: readonly [Waiting, ...Waiting[]]): Promise<void> => {
    const { id: name, log } = first.made;
    const waiting = [first, ...others];
    try {
      const entry = entryOf(name, [first.made, ...others.map(({ made }) => made)]);
      if (!(await store.add(log, entry)))
        throw new CustodyError('audit_unavailable', 'another record has this id');
      for (const [i, { resolve }] of waiting.entries()) resolve(i === 0 ? name : `${name}.${i}`);
    } catch (error) {
      for (const { reject } of waiting) reject(error);
    }
  };
  const drain = async (key: string, queue: Waiting[]): Promise<void> => {
    for (;;) {
      const [first, ...others] = queue.splice(0, entryLimit);
      if (first === undefined) break;
      await write([first, ...others]);
    }
    queues.delete(key);
  };
  return (object, made) =>
    new Promise((resolve, reject) => {
      const key = `${made.log} ${object}`;
      const known = queues.get(key);
      const queue = known ?? [];
      queue.push({ made, resolve, reject });
      if (known !== undefined) return;
      queues.set(key, queue);
      void drain(key, queue);
    });
}
