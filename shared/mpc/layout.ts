/**
 * Binary messages as data: an ordered list of fields of fixed length. The encoder, the decoder and the tests
 * that tamper with every field read the same list.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import { Abort } from '../errors.ts';
import { allBelowOrder, decodePoint, decodeScalar, type Point, type Scalar } from './secp256k1.ts';

/**
 * What a field holds: `hash` and `nonce` any bytes; `bits` packed bits, LSB first; `point` SEC1 compressed
 * (33 B); `scalar` one and `scalars` many 32-byte big-endian values below q.
 */
type FieldKind = 'hash' | 'nonce' | 'bits' | 'point' | 'scalar' | 'scalars';

export interface Field {
  readonly name: string;
  /** Bytes; 0 if the field is absent in this run. */
  readonly length: number;
  /** What it holds: {@link FieldKind} here, the kinds of `message.ts` where several groups meet. */
  readonly kind: string;
}

export type Layout = readonly Field[];

/** The fields of a message as plain bytes: cut, not yet validated. */
export type RawFields<L extends Layout> = { readonly [F in L[number] as F['name']]: Bytes };

/** The fields of a message after {@link validate}. */
export type Fields<L extends Layout> = {
  readonly [F in L[number] as F['name']]: F['kind'] extends 'point'
    ? Point
    : F['kind'] extends 'scalar'
      ? Scalar
      : Bytes;
};

/** Length of a message, bytes. */
export const lengthOf = (layout: Layout): number => layout.reduce((n, field) => n + field.length, 0);

/** Cuts a message into views of its fields. @throws {Abort} `E_MSG` unless the length is exact. */
export function split<const L extends Layout>(layout: L, message: Bytes): RawFields<L> {
  if (message.length !== lengthOf(layout)) throw new Abort('E_MSG', 'wrong length');
  const fields: Record<string, Bytes> = {};
  let at = 0;
  for (const { name, length } of layout) {
    fields[name] = message.subarray(at, at + length);
    at += length;
  }
  return fields as RawFields<L>;
}

/** @throws {Abort} `E_MSG` on a point that is not one, or a scalar that is not below q. */
export function validate<const L extends Layout>(layout: L, raw: RawFields<L>): Fields<L> {
  const fields = raw as Readonly<Record<string, Bytes>>;
  for (const { name, kind } of layout as readonly { name: string; kind: FieldKind }[]) {
    const value = fields[name] as Bytes;
    if (kind === 'point') decodePoint(value);
    else if (kind === 'scalar') decodeScalar(value);
    else if (kind === 'scalars' && !allBelowOrder(value)) throw new Abort('E_MSG', 'not a scalar');
  }
  // Sound: every point and scalar among the fields has just been through its decoder.
  return raw as unknown as Fields<L>;
}

/** One message from its fields. @throws {RangeError} if a field has another length than the layout says. */
export function encode<const L extends Layout>(layout: L, raw: RawFields<L>): Bytes {
  const fields = raw as Readonly<Record<string, Bytes>>;
  const out = new Uint8Array(lengthOf(layout));
  let at = 0;
  for (const { name, length } of layout) {
    const value = fields[name];
    if (value?.length !== length) throw new RangeError(`field ${name} must have ${length} bytes`);
    out.set(value, at);
    at += length;
  }
  return out;
}
