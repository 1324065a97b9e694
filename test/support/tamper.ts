/**
 * What a hostile peer can put into a message: made from its layout, so that a new field is covered by itself.
 * @module
 */
import { ed25519, ristretto255 } from '@noble/curves/ed25519.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { fromHex } from '#shared/bytes.ts';
import { type MessageKind, type MessageLayout, messageLength } from '#shared/mpc/message.ts';

export interface Tampered {
  /** Field and what was done to it. */
  readonly name: string;
  readonly field: string;
  readonly message: Uint8Array;
}

const hex = (n: bigint): string => n.toString(16).padStart(64, '0');
const be = (n: bigint): Uint8Array => fromHex(hex(n));
const le = (n: bigint): Uint8Array => be(n).reverse();
const fill = (n: number, value: number): Uint8Array => new Uint8Array(n).fill(value);
const flip = (value: Uint8Array, at: number, mask: number): Uint8Array =>
  value.map((x, i) => (i === at ? x ^ mask : x));

/** The eight points of small order: canonical encodings, then non-canonical ones of some of them. */
export const smallOrderPoints: readonly string[] = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
];
export const nonCanonicalPoints: readonly string[] = [
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  // y = p + 3 and p + 4: valid points but for the encoding.
  'f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'f1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];
/** B plus each point of small order but the identity. */
export const mixedOrderPoints: readonly Uint8Array[] = smallOrderPoints
  .slice(1)
  .map((h) => ed25519.Point.BASE.add(ed25519.Point.fromHex(h)).toBytes());

/** X25519 keys of small order, and encodings that are not canonical (RFC 7748 would accept them). */
const x25519Keys = (): [string, Uint8Array][] => [
  ['small order 0', fill(32, 0)],
  ['small order 1', le(1n)],
  ['small order -1', le(fieldP - 1n)],
  ['order 8', fromHex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800')],
  ['order 8, the other', fromHex('5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157')],
  ['p', le(fieldP)],
  ['the base point plus p', le(fieldP + 9n)],
  ['the base point, top bit set', flip(le(9n), 31, 0x80)],
  ['another key', le(9n)],
];

const edPoints = (): [string, Uint8Array][] => [
  ...smallOrderPoints.map((h, i): [string, Uint8Array] => [`small order ${i}`, fromHex(h)]),
  ...nonCanonicalPoints.map((h, i): [string, Uint8Array] => [`non-canonical ${i}`, fromHex(h)]),
  ...mixedOrderPoints.map((P, i): [string, Uint8Array] => [`mixed order ${i}`, P]),
  ['another point', ed25519.Point.BASE.multiply(7n).toBytes()],
];

const p = secp256k1.Point.Fp.ORDER;
const q = secp256k1.Point.Fn.ORDER;
const L = ed25519.Point.Fn.ORDER;
const fieldP = ed25519.Point.Fp.ORDER;

/** Values by kind, besides those that every field gets. */
const special: { readonly [K in MessageKind]: (value: Uint8Array) => readonly [string, Uint8Array][] } = {
  bytes: () => [],
  'secp256k1 scalar': () => [
    ['order', be(q)],
    ['order + 1', be(q + 1n)],
    ['one', be(1n)],
  ],
  'ed25519 scalar': (value) => [
    ['order', le(L)],
    ['order + 1', le(L + 1n)],
    ['one', le(1n)],
    ['the same plus the order', le(BigInt(`0x${Buffer.from(value).reverse().toString('hex')}`) + L)],
  ],
  'secp256k1 point': (value) => [
    ['negated', flip(value, 0, 1)],
    ['uncompressed prefix', flip(value, 0, (value[0] as number) ^ 4)],
    ['hybrid prefix', flip(value, 0, (value[0] as number) ^ 6)],
    ['x = p', Uint8Array.from([2, ...be(p)])],
    ['x off the curve', Uint8Array.from([2, ...be(5n)])],
    ['another point', secp256k1.Point.BASE.multiply(7n).toBytes(true)],
  ],
  'ed25519 point': edPoints,
  'ed25519 factor': edPoints,
  'x25519 key': x25519Keys,
  'ristretto255 points': (value) => {
    const first = (P: Uint8Array) => Uint8Array.from([...P, ...value.subarray(32)]);
    const last = (P: Uint8Array) => Uint8Array.from([...value.subarray(0, -32), ...P]);
    return [
      ['first the identity', first(fill(32, 0))],
      ['last the identity', last(fill(32, 0))],
      ['first negative', first(Uint8Array.from([1, ...fill(31, 0)]))],
      ['last non-canonical', last(Uint8Array.from([0xee, ...fill(30, 0xff), 0x7f]))],
      ['first another point', first(ristretto255.Point.BASE.multiply(7n).toBytes())],
      [
        'pairs swapped',
        Uint8Array.from([...value.subarray(32, 64), ...value.subarray(0, 32), ...value.subarray(64)]),
      ],
      ['instances rotated', Uint8Array.from([...value.subarray(64), ...value.subarray(0, 64)])],
    ];
  },
};

/** Every field that is there, changed in every way; `other` is the same message of another session. */
export function tamper(layout: MessageLayout, message: Uint8Array, other: Uint8Array): Tampered[] {
  const out: Tampered[] = [];
  let at = 0;
  for (const { name, length, kind } of layout) {
    if (length === 0) continue;
    const start = at;
    at += length;
    const value = message.slice(start, at);
    const values: [string, Uint8Array][] = [
      ['first bit flipped', flip(value, 0, 1)],
      ['last bit flipped', flip(value, length - 1, 0x80)],
      ['zero', fill(length, 0)],
      ['all ones', fill(length, 0xff)],
      ['of another session', other.slice(start, at)],
      ...special[kind](value),
    ];
    for (const [what, bad] of values) {
      if (Buffer.compare(bad, value) === 0) continue;
      const changed = message.slice();
      changed.set(bad, start);
      out.push({ name: `${name}: ${what}`, field: name, message: changed });
    }
  }
  return out;
}

/** The same fields in other lengths and orders: all must be refused for their length or their content. */
export function misshape(layout: MessageLayout, message: Uint8Array): Tampered[] {
  const out: Tampered[] = [
    { name: 'empty', field: '', message: new Uint8Array(0) },
    { name: 'one byte short', field: '', message: message.slice(0, -1) },
    { name: 'one byte long', field: '', message: Uint8Array.from([...message, 0]) },
    { name: 'twice', field: '', message: Uint8Array.from([...message, ...message]) },
  ];
  let at = 0;
  for (const { name, length } of layout) {
    if (length === 0) continue;
    const [before, value, after] = [
      message.slice(0, at),
      message.slice(at, at + length),
      message.slice(at + length),
    ];
    out.push(
      { name: `${name} omitted`, field: name, message: Uint8Array.from([...before, ...after]) },
      {
        name: `${name} twice`,
        field: name,
        message: Uint8Array.from([...before, ...value, ...value, ...after]),
      },
    );
    if (length > 64)
      out.push(
        {
          name: `${name} without its last element`,
          field: name,
          message: Uint8Array.from([...before, ...value.subarray(0, -64), ...after]),
        },
        {
          name: `${name} with one element more`,
          field: name,
          message: Uint8Array.from([...before, ...value, ...value.subarray(-64), ...after]),
        },
      );
    at += length;
  }
  if (at !== messageLength(layout)) throw new RangeError('layout and message differ');
  return out;
}

/** A field of either family of layouts: `message.ts` (several groups) or `layout.ts` (ECDSA). */
interface AnyField {
  readonly name: string;
  readonly length: number;
  readonly kind: string;
}
export type AnyLayout = readonly AnyField[];

/** Where else a value may come from: the same message of another session, key, epoch, path; the own message. */
export type Sources = Readonly<Record<string, { readonly layout: AnyLayout; readonly message: Uint8Array }>>;

/** The pattern over and over, `length` bytes. */
const repeat = (pattern: Uint8Array, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => pattern[i % pattern.length] as number);

const first = (value: Uint8Array, part: Uint8Array): Uint8Array =>
  Uint8Array.from([...part, ...value.subarray(part.length)]);
const last = (value: Uint8Array, part: Uint8Array): Uint8Array =>
  Uint8Array.from([...value.subarray(0, -part.length), ...part]);

/** Values by kind, for the kinds of either family. */
function specialOf(kind: string, value: Uint8Array): readonly [string, Uint8Array][] {
  if (kind === 'scalars')
    return [
      ['first the order', first(value, be(q))],
      ['last the order', last(value, be(q))],
      ['last the order + 1', last(value, be(q + 1n))],
      ['first zero', first(value, fill(32, 0))],
      ['last one', last(value, be(1n))],
      [
        'first two swapped',
        first(value, Uint8Array.from([...value.subarray(32, 64), ...value.subarray(0, 32)])),
      ],
    ];
  const alias: Readonly<Record<string, MessageKind>> = {
    hash: 'bytes',
    nonce: 'bytes',
    bits: 'bytes',
    point: 'secp256k1 point',
    scalar: 'secp256k1 scalar',
  };
  const of = special[alias[kind] ?? (kind as MessageKind)];
  if (of === undefined) throw new RangeError(`nobody has said how to tamper with a ${kind}`);
  return [
    ...of(value),
    ...(kind.endsWith('point')
      ? ([
          [
            'the generator',
            kind.startsWith('ed') ? ed25519.Point.BASE.toBytes() : secp256k1.Point.BASE.toBytes(true),
          ],
        ] as [string, Uint8Array][])
      : []),
  ];
}

/** The field's value in a message, if it has one of this name and length. */
function valueIn({ layout, message }: Sources[string], name: string, length: number): Uint8Array | undefined {
  let at = 0;
  for (const field of layout) {
    if (field.name === name && field.length === length) return message.slice(at, at + length);
    at += field.length;
  }
  return undefined;
}

/**
 * Every field of a message with every value that a hostile peer might try: at least 15 for each, none of them
 * the value itself.
 */
export function mutations(layout: AnyLayout, message: Uint8Array, sources: Sources): Tampered[] {
  const out: Tampered[] = [];
  let at = 0;
  for (const [i, { name, length, kind }] of layout.entries()) {
    if (length === 0) continue;
    const start = at;
    at += length;
    const value = message.slice(start, at);
    const middle = length >> 1;
    const values: [string, Uint8Array][] = [
      ['lowest bit of the first byte', flip(value, 0, 1)],
      ['highest bit of the first byte', flip(value, 0, 0x80)],
      ['lowest bit of the last byte', flip(value, length - 1, 1)],
      ['highest bit of the last byte', flip(value, length - 1, 0x80)],
      ['a bit in the middle', flip(value, middle, 0x10)],
      ['zero', fill(length, 0)],
      ['all ones', fill(length, 0xff)],
      ['one', last(fill(length, 0), Uint8Array.of(1))],
      ['one, little-endian', first(fill(length, 0), Uint8Array.of(1))],
      ['the order of secp256k1', repeat(be(q), length)],
      ['the order of secp256k1, and one', repeat(be(q + 1n), length)],
      ['the order of ed25519', repeat(le(L), length)],
      ['bytes reversed', value.slice().reverse()],
      ['bytes rotated', Uint8Array.from([...value.subarray(1), value[0] as number])],
      ['complement', value.map((b) => b ^ 0xff)],
      ...specialOf(kind, value),
    ];
    for (const [from, source] of Object.entries(sources)) {
      const other = valueIn(source, name, length);
      if (other) values.push([`of ${from}`, other]);
    }
    const put = (what: string, changed: Uint8Array) => {
      if (Buffer.compare(changed, message) === 0) return;
      out.push({ name: `${name}: ${what}`, field: name, message: changed });
    };
    const seen = new Set<string>();
    for (const [what, bad] of values) {
      const key = Buffer.from(bad).toString('latin1');
      if (seen.has(key)) continue;
      seen.add(key);
      const changed = message.slice();
      changed.set(bad, start);
      put(what, changed);
    }
    const next = layout[i + 1];
    if (next !== undefined && next.length === length) {
      const changed = message.slice();
      changed.set(message.subarray(at, at + length), start);
      changed.set(value, at);
      put(`swapped with ${next.name}`, changed);
    }
  }
  return out;
}

/** The whole message in other lengths: each must be refused for its length. */
export const lengths = (message: Uint8Array): readonly Tampered[] =>
  (
    [
      ['empty', new Uint8Array()],
      ['one byte short', message.slice(0, -1)],
      ['one byte short in front', message.slice(1)],
      ['one byte long', Uint8Array.from([...message, 0])],
      ['one byte long in front', Uint8Array.from([0, ...message])],
      ['doubled', Uint8Array.from([...message, ...message])],
      ['half', message.slice(0, message.length >> 1)],
    ] as const
  ).map(([name, changed]) => ({ name, field: '', message: changed }));
