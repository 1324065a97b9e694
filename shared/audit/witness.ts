/**
 * What a log asks its witness (C2SP tlog-witness, add-checkpoint): the size that the witness saw last, the
 * proof that the log has only grown since, and the checkpoint to cosign.
 * @module
 */
import { base64 } from '@scure/base';
import { type Bytes, utf8 } from '../bytes.ts';

export interface CosignRequest {
  /** What the witness is believed to have seen last; 0 for nothing. */
  readonly oldSize: number;
  /** Of consistency; empty if `oldSize` is 0 or the checkpoint's size. */
  readonly proof: readonly Bytes[];
  /** The note, signed by the log. */
  readonly checkpoint: Bytes;
}

/**
 * `conflict`: the witness has seen another size, which is to be asked with. `behind`: it has seen this larger
 * checkpoint, signed by the log. `refused`: the log has forked; this witness follows it no longer.
 */
export type CosignAnswer =
  | { readonly state: 'cosigned'; readonly line: string }
  | { readonly state: 'conflict'; readonly size: number }
  | { readonly state: 'behind'; readonly seen: Bytes }
  | { readonly state: 'refused' };

/** The body of the request. */
export function encodeCosignRequest({ oldSize, proof, checkpoint }: CosignRequest): string {
  const lines = [`old ${oldSize}`, ...proof.map((hash) => base64.encode(hash))];
  return `${lines.join('\n')}\n\n${new TextDecoder('utf-8', { fatal: true }).decode(checkpoint)}`;
}

/** @throws {TypeError} unless it is such a body. */
export function parseCosignRequest(body: string): CosignRequest {
  const match = /^old (0|[1-9]\d{0,15})\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n([\s\S]+)$/.exec(body);
  if (match === null) throw new TypeError('not a request to cosign');
  const hashes = (match[2] as string).split('\n').slice(0, -1);
  try {
    return {
      oldSize: Number(match[1]),
      proof: hashes.map((hash) => base64.decode(hash)),
      checkpoint: utf8(match[3] as string),
    };
  } catch (cause) {
    throw new TypeError('not a request to cosign', { cause });
  }
}
