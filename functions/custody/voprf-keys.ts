/**
 * Node 2's VOPRF keys behind PINs and answers: one item per name, with the key in use and, while the PIN changes,
 * the one that is to follow. All steps are writes of this one item, so that at every moment some key answers for
 * every wrap that is in use:
 *
 *   none or e in use  --begin-->    e in use, e+1 pending     nothing is lost if it stops here
 *                     --claim-->    …                         the client evaluates under e+1 and makes the wrap,
 *                                                             the platform stores it beside the old one
 *                     --confirm-->  e+1 in use                the same write destroys e
 *
 * From then on the old wrap is dead, with the old PIN, the old salt and a copy of everything that was stored. A
 * version is never used twice, not even one that was given up.
 * @module
 */

import { lengthPrefixed, utf8 } from '#shared/bytes.ts';
import { generateVoprfKey, type VoprfKey } from '#shared/crypto/voprf.ts';
import type { KeyName } from '#shared/custody/evaluation-key.ts';
import type { ProvenEvaluation } from '#shared/custody/evaluation-proof.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Item, Random, Table } from '../ports.ts';
import type { Vault } from '../stores/vault.ts';
import type { Counted } from './attempts.ts';
import { changing } from './changing.ts';
import { decode, encode, type KeyRecord, type StoredKey } from './voprf-record.ts';

/** Evaluations under a key that is not confirmed: one is enough, and two may be lost. */
export const mostPendingTries = 3;
/** How often a key is made anew because another change came first. */
const attempts = 5;

/** The public side of a key. */
export interface KeyVersion {
  readonly version: number;
  /** 33 bytes. */
  readonly publicKey: StoredKey['publicKey'];
}

export interface VoprfKeys {
  /** Strongly consistent. */
  find(name: KeyName): Promise<{ readonly active?: KeyVersion; readonly pending?: KeyVersion }>;
  /**
   * Makes the key that is to follow. It takes the place of one that another change left pending; begun again, a
   * change finds its own. Whether there may be a change is for the caller to know: the customer is being
   * founded, has proven the secret, or has shown the factors of a recovery.
   * @param change names the change, such as the digest of the operation
   * @throws {CustodyError} `storage_unavailable`
   */
  begin(name: KeyName, change: string): Promise<KeyVersion>;
  /** Counts a try under the pending key. @throws {CustodyError} `authorisation_replayed` */
  claim(
    name: KeyName,
    version: number,
    evaluation: string,
  ): Promise<Counted | { readonly outcome: 'no_key' }>;
  /**
   * The key of this version, in use or pending; undefined if there is none, not any more or not yet. For who
   * has counted the try. The caller wipes it. @throws {CustodyError} `share_unreadable`, `storage_unavailable`
   */
  open(name: KeyName, version: number): Promise<VoprfKey | undefined>;
  /**
   * The pending key takes the place of the one in use, which is destroyed, if the proof names one of its
   * evaluations. True also for the proof that did it, sent again.
   */
  confirm(proof: ProvenEvaluation): Promise<boolean>;
  /** Gives a change up: its pending key is destroyed, the one in use stays. */
  discard(name: KeyName, change: string): Promise<void>;
  /** Destroys every key of this name, such as that of a device that is lost. */
  revoke(name: KeyName): Promise<void>;
}

export interface VoprfKeyPorts {
  /** Hash key `counter`; without point-in-time recovery, which would bring destroyed keys back. */
  readonly table: Table;
  readonly vault: Vault;
  readonly random: Random;
}

const nameOf = ({ use, customer, device }: KeyName): string => `voprf#${use}#${customer}#${device}`;
const keyOf = (name: KeyName): Item => ({ counter: nameOf(name) });
const purposeOf = (name: KeyName, version: number) =>
  ({ purpose: 'pin', key: nameOf(name), epoch: version }) as const;
const headerOf = (name: KeyName) => lengthPrefixed(utf8('planbok/voprf-key/v1'), utf8(nameOf(name)));
const publicOf = ({ version, publicKey }: StoredKey): KeyVersion => ({ version, publicKey });

export function voprfKeysOver({ table, vault, random }: VoprfKeyPorts): VoprfKeys {
  const change = changing<KeyRecord>(table, { read: decode, write: encode });
  const read = async (name: KeyName): Promise<KeyRecord> => decode(await table.get(keyOf(name)));

  const made = async (name: KeyName, version: number): Promise<StoredKey> => {
    const { secretKey, publicKey } = generateVoprfKey(random);
    try {
      return {
        version,
        publicKey,
        ...(await vault.seal(purposeOf(name, version), headerOf(name), secretKey)),
      };
    } finally {
      secretKey.fill(0);
    }
  };

  return {
    async find(name) {
      const { active, pending } = await read(name);
      return { ...(active && { active: publicOf(active) }), ...(pending && { pending: publicOf(pending) }) };
    },
    async begin(name, named) {
      for (let attempt = 0; attempt < attempts; attempt++) {
        const { last, pending } = await read(name);
        if (pending?.change === named) return publicOf(pending);
        const key = await made(name, last + 1);
        const stored = await change(keyOf(name), (record) =>
          record.last === last
            ? {
                next: { ...record, last: last + 1, pending: { ...key, change: named, evaluations: [] } },
                result: true,
              }
            : { result: false },
        );
        if (stored) return publicOf(key);
      }
      throw new CustodyError('storage_unavailable', 'too many changes of one key');
    },
    claim: (name, version, evaluation) =>
      change(keyOf(name), (record): { next?: KeyRecord; result: Counted | { outcome: 'no_key' } } => {
        const { pending } = record;
        if (pending?.version !== version) return { result: { outcome: 'no_key' } };
        if (pending.evaluations.includes(evaluation))
          throw new CustodyError('authorisation_replayed', 'this evaluation was asked for before');
        const left = mostPendingTries - pending.evaluations.length;
        if (left <= 0) return { result: { outcome: 'locked', standing: { remaining: 0, nextMs: 0 } } };
        const next = {
          ...record,
          pending: { ...pending, evaluations: [...pending.evaluations, evaluation] },
        };
        return { next, result: { outcome: 'counted', standing: { remaining: left - 1, nextMs: 0 } } };
      }),
    async open(name, version) {
      const { active, pending } = await read(name);
      const key = [active, pending].find((one) => one?.version === version);
      if (key === undefined) return undefined;
      const secretKey = await vault.open(purposeOf(name, version), headerOf(name), key);
      return { secretKey, publicKey: key.publicKey };
    },
    confirm: (proof) =>
      change(keyOf(proof), (record) => {
        const { active, pending } = record;
        if (active?.version === proof.version) return { result: active.confirmedBy === proof.evaluation };
        if (pending?.version !== proof.version || !pending.evaluations.includes(proof.evaluation))
          return { result: false };
        const { change: _, evaluations: __, ...key } = pending;
        // The whole item is written: nothing of the key before is left in it.
        return {
          next: { last: record.last, active: { ...key, confirmedBy: proof.evaluation } },
          result: true,
        };
      }),
    discard: (name, named) =>
      change(keyOf(name), ({ pending, ...record }) =>
        pending?.change === named ? { next: record, result: undefined } : { result: undefined },
      ),
    revoke: (name) => change(keyOf(name), ({ last }) => ({ next: { last }, result: undefined })),
  };
}
