/**
 * Messages over several groups as data: an ordered list of fields of fixed length, read by the encoder, the
 * decoder, and the tests that tamper with every field. A field of length 0 is one that this run does not have.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import type { KeyTypes } from './context.ts';
import * as ed from './ed25519.ts';
import { encode, lengthOf, type RawFields, split } from './layout.ts';
import { checkOtPoints } from './ot-base.ts';
import * as secp from './secp256k1.ts';
import { decodeX25519 } from './x25519.ts';

/** Which values a field accepts: the decoders by kind. Each throws {Abort} `E_MSG`. */
const decoders = {
  bytes: () => {},
  'secp256k1 point': secp.decodePoint,
  'secp256k1 scalar': secp.decodeScalar,
  'ed25519 point': ed.decodePoint,
  /** Checked by `ed25519.mulReceived`, the only thing it may be given to. */
  'ed25519 factor': () => {},
  'ed25519 scalar': ed.decodeScalar,
  'ristretto255 points': checkOtPoints,
  'x25519 key': decodeX25519,
} satisfies Record<string, (b: Bytes) => unknown>;

export type MessageKind = keyof typeof decoders;

interface ByKind {
  readonly 'secp256k1 point': secp.Point;
  readonly 'secp256k1 scalar': secp.Scalar;
  readonly 'ed25519 point': ed.EdPoint;
  readonly 'ed25519 scalar': ed.EdScalar;
}

export interface MessageField<N extends string = string, K extends MessageKind = MessageKind> {
  readonly name: N;
  /** Bytes; 0 if the field is absent in this run. */
  readonly length: number;
  readonly kind: K;
}

export type MessageLayout = readonly MessageField[];

/** The decoded fields by name. An absent field is empty: its type only holds where its length is not 0. */
export type Message<L extends MessageLayout> = {
  readonly [F in L[number] as F['name']]: F['kind'] extends keyof ByKind ? ByKind[F['kind']] : Bytes;
};

export const field = <const N extends string, const K extends MessageKind>(
  name: N,
  length: number,
  kind: K,
): MessageField<N, K> => ({ name, length, kind });

/** `n` bytes in a run that has a key of this type, else none. */
export const ifSecp256k1 = (types: KeyTypes, n: number): number => (types.includes('secp256k1') ? n : 0);
export const ifEd25519 = (types: KeyTypes, n: number): number => (types.includes('ed25519') ? n : 0);

/** Bytes of a message. */
export const messageLength: (layout: MessageLayout) => number = lengthOf;

/** @throws {RangeError} if a value does not have the length of its field: a fault of this node. */
export const encodeMessage: <L extends MessageLayout>(layout: L, values: RawFields<L>) => Bytes = encode;

/**
 * Copies of the fields, each through the decoder of its kind.
 *
 * @throws {Abort} `E_MSG` on any other length, a scalar not below the order, or a point that is not one
 */
export function decodeMessage<L extends MessageLayout>(layout: L, message: Bytes): Message<L> {
  const views: Readonly<Record<string, Bytes>> = split(layout, message);
  const fields: Record<string, Bytes> = {};
  for (const { name, length, kind } of layout) {
    const value = (views[name] as Bytes).slice();
    if (length > 0) decoders[kind](value);
    fields[name] = value;
  }
  // Sound: every value that is there has been through the decoder of its kind.
  return fields as Message<L>;
}
