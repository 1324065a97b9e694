/**
 * An authenticator and its browser in software, written from the specification alone: it makes assertions as
 * they ought to be, and every kind that ought not to be.
 * @module
 */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type Bytes, concat, toBase64url } from '../../shared/bytes.ts';
import type { PublicKey } from '../../shared/registry/statement.ts';

/** Of the group of P-256 (FIPS 186, D.1.2.3). */
export const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const sha256 = (...parts: readonly Bytes[]): Bytes => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};
const utf8 = (text: string): Bytes => new TextEncoder().encode(text);

/** Flags of authenticator data (WebAuthn Level 3, section 6.1). */
export const flags = { UP: 1, UV: 4, BE: 8, BS: 16, AT: 64, ED: 128 } as const;

/** What an assertion has besides the truth. */
export interface Deviation {
  /** Members of the client data: undefined leaves one out. */
  readonly client?: Readonly<Record<string, unknown>>;
  readonly json?: (text: string) => string | Bytes;
  readonly rpId?: string;
  readonly flags?: number;
  readonly signCount?: number;
  readonly data?: (authenticatorData: Bytes) => Bytes;
  readonly message?: (message: Bytes) => Bytes;
  readonly signed?: (bytes: Bytes) => Bytes;
  readonly der?: (r: bigint, s: bigint, der: Bytes) => Bytes;
  readonly container?: (bytes: Bytes) => Bytes;
  readonly by?: Authenticator;
}

/** What an authenticator and its browser give for a challenge. */
export interface Answer {
  readonly authenticatorData: Bytes;
  readonly clientDataJSON: Bytes;
  readonly signature: Bytes;
}

export interface Authenticator {
  readonly key: PublicKey & { readonly rpId: string; readonly origins: readonly string[] };
  readonly secret: KeyObject;
  answer(challenge: Bytes, deviation?: Deviation): Answer;
  /** The container that stands for a signature over the message. */
  assert(message: Bytes, deviation?: Deviation): Bytes;
}

/** DER of an integer: big-endian, with a zero in front of a high bit. */
export function integer(value: bigint): Bytes {
  const digits = value.toString(16);
  const even = digits.length % 2 === 0 ? digits : `0${digits}`;
  const bytes = Uint8Array.from(even.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const whole = (bytes[0] ?? 0) >= 0x80 ? concat(Uint8Array.of(0), bytes) : bytes;
  return concat(Uint8Array.of(0x02, whole.length), whole);
}
export const sequence = (...parts: readonly Bytes[]): Bytes => {
  const body = concat(...parts);
  return concat(Uint8Array.of(0x30, body.length), body);
};

/** r and s of a signature whose integers are as short as they can be. */
function numbersOf(der: Bytes): readonly [bigint, bigint] {
  const at = (start: number): Bytes => der.subarray(start + 2, start + 2 + (der[start + 1] ?? 0));
  const number = (bytes: Bytes) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  const r = at(2);
  return [number(r), number(at(4 + r.length))];
}

const counted = (part: Bytes): Bytes => concat(Uint8Array.of(part.length >> 8, part.length & 255), part);

/** The 37 bytes that are always there. */
export const authenticatorData = (of: string, bits: number = flags.UP | flags.UV, signCount = 0): Bytes => {
  const count = new Uint8Array(4);
  new DataView(count.buffer).setUint32(0, signCount);
  return concat(sha256(utf8(of)), Uint8Array.of(bits), count);
};

export const rpId = 'wallet.example.com';
export const origins = ['https://wallet.example.com', 'https://app.wallet.example.com:8443'];

export function authenticator(
  relyingParty: { readonly rpId: string; readonly origins: readonly string[] } = { rpId, origins },
): Authenticator {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const point = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-65);
  const self: Authenticator = {
    key: { algorithm: 'webauthn-es256', publicKey: toBase64url(new Uint8Array(point)), ...relyingParty },
    secret: pair.privateKey,
    answer(challenge, deviation = {}) {
      const client = {
        type: 'webauthn.get',
        challenge: toBase64url(challenge),
        origin: relyingParty.origins[0],
        crossOrigin: false,
        ...deviation.client,
      };
      const text = deviation.json?.(JSON.stringify(client)) ?? JSON.stringify(client);
      const clientDataJSON = typeof text === 'string' ? utf8(text) : text;
      const usual = authenticatorData(
        deviation.rpId ?? relyingParty.rpId,
        deviation.flags,
        deviation.signCount,
      );
      const data = deviation.data?.(usual) ?? usual;
      const bytes = concat(data, sha256(clientDataJSON));
      const der = new Uint8Array(
        sign('sha256', deviation.signed?.(bytes) ?? bytes, deviation.by?.secret ?? self.secret),
      );
      const signature = deviation.der?.(...numbersOf(der), der) ?? der;
      return { authenticatorData: data, clientDataJSON, signature };
    },
    assert(message, deviation = {}) {
      const asked = deviation.message?.(message) ?? message;
      const given = self.answer(sha256(utf8('planbok/webauthn-challenge/v1\0'), asked), deviation);
      const parts = [given.authenticatorData, given.clientDataJSON, given.signature].map(counted);
      const container = concat(Uint8Array.of(1), ...parts);
      return deviation.container?.(container) ?? container;
    },
  };
  return self;
}

const stranger = authenticator();
const both = flags.UP | flags.UV;
const zero = new Uint8Array(1);
const withText = (from: string, to: string) => (json: string) => json.replace(from, to);
const derOf = (r: bigint, s: bigint): Bytes => sequence(integer(r), integer(s));

/** As the specification allows; not all of it is common. */
export const allowed: Readonly<Record<string, Deviation>> = {
  'the usual one': {},
  'of another allowed origin': { client: { origin: origins[1] } },
  'by a browser that does not say crossOrigin': { client: { crossOrigin: undefined } },
  'with members that nobody knows yet': {
    client: { other_keys_can_be_added_here: 'do not compare', more: { deep: [1] } },
  },
  'written with blanks': { json: withText('{', ' {\n\t') },
  'of a passkey that can be backed up': { flags: both | flags.BE },
  'of a passkey that is backed up': { flags: both | flags.BE | flags.BS },
  'with a reserved flag': { flags: both | 2 | 32 },
  'with a counter': { signCount: 0xffffffff },
  'with a high s': { der: (r, s) => derOf(r, s > order / 2n ? s : order - s) },
  'with a low s': { der: (r, s) => derOf(r, s > order / 2n ? order - s : s) },
};

/** One thing wrong each. */
export const violations: Readonly<Record<string, Deviation>> = {
  'for another message': { message: (m) => concat(m, zero) },
  'of a passkey that is being made': { client: { type: 'webauthn.create' } },
  'without a type': { client: { type: undefined } },
  'with the challenge in padded base64url': { json: withText('","origin', '=","origin') },
  'with a challenge in another alphabet': {
    json: (text) => text.replace(/"challenge":"./, '"challenge":"+'),
  },
  'without a challenge': { client: { challenge: undefined } },
  'with a challenge that is no text': { client: { challenge: 7 } },
  'of another origin': { client: { origin: 'https://evil.example.com' } },
  'of the origin without TLS': { client: { origin: 'http://wallet.example.com' } },
  'of the origin on another port': { client: { origin: 'https://wallet.example.com:444' } },
  'of the origin with a slash': { client: { origin: 'https://wallet.example.com/' } },
  'of the origin in capitals': { client: { origin: 'https://WALLET.example.com' } },
  'of an origin below': { client: { origin: 'https://x.wallet.example.com' } },
  'without an origin': { client: { origin: undefined } },
  'with a list of origins': { client: { origin: [origins[0]] } },
  'in a frame': { client: { crossOrigin: true } },
  'with a crossOrigin that is no boolean': { client: { crossOrigin: 'false' } },
  'with a crossOrigin of null': { client: { crossOrigin: null } },
  'with a top origin': { client: { topOrigin: origins[0] } },
  'for another relying party': { rpId: 'example.com' },
  'without user presence': { flags: flags.UV },
  'without user verification': { flags: flags.UP },
  'without flags': { flags: 0 },
  'backed up and not eligible': { flags: both | flags.BS },
  'with attested credential data': { flags: both | flags.AT, data: (d) => concat(d, new Uint8Array(80)) },
  'that says attested and is not': { flags: both | flags.AT },
  'with extensions': { flags: both | flags.ED, data: (d) => concat(d, Uint8Array.of(0xa0)) },
  'that says extensions and has none': { flags: both | flags.ED },
  'with bytes behind the counter': { data: (d) => concat(d, zero) },
  'with the counter cut short': { data: (d) => d.subarray(0, 36) },
  'with an origin twice': { json: withText('{', `{"origin":"${origins[0]}",`) },
  'with a challenge twice': { json: (text) => text.replace('}', ',"challenge":"x"}') },
  'with an unknown member twice': { json: withText('{', '{"a":1,"a":1,') },
  'with something behind the client data': { json: (text) => `${text}x` },
  'with a byte order mark': { json: (text) => `\ufeff${text}` },
  'with client data that is no UTF-8': {
    json: (text) => concat(utf8(text.slice(0, -1)), Uint8Array.of(0xff, 125)),
  },
  'with client data that is a list': { json: (text) => `[${text}]` },
  'with client data that is empty': { json: () => '' },
  'with more client data than 1,024 bytes': { client: { more: 'x'.repeat(1_000) } },
  'by another key': { by: stranger },
  'over the client data itself': { signed: (bytes) => bytes.subarray(0, -1) },
  'with r of zero': { der: (_, s) => derOf(0n, s) },
  'with s of zero': { der: (r) => derOf(r, 0n) },
  'with r above the order': { der: (r, s) => derOf(r + order, s) },
  'with s above the order': { der: (r, s) => derOf(r, s + order) },
  'with s of the order': { der: (r) => derOf(r, order) },
  'with a negative r': { der: (_, s) => sequence(Uint8Array.of(2, 1, 0x81), integer(s)) },
  'with an integer that is longer than need be': {
    der: (r, s) =>
      sequence(Uint8Array.of(2, (integer(r)[1] ?? 0) + 1, 0), integer(r).subarray(2), integer(s)),
  },
  'with a third integer': { der: (r, s) => sequence(integer(r), integer(s), integer(1n)) },
  'with bytes behind the signature': { der: (_, __, der) => concat(der, zero) },
  'with a length in the long form': {
    der: (_, __, der) => concat(Uint8Array.of(0x30, 0x81), der.subarray(1)),
  },
  'with r and s as 64 bytes': {
    der: (r, s) =>
      Uint8Array.from(Buffer.from([r, s].map((n) => n.toString(16).padStart(64, '0')).join(''), 'hex')),
  },
  'with an empty signature': { der: () => new Uint8Array(0) },
  'in a container of version 0': { container: (c) => concat(zero, c.subarray(1)) },
  'in a container of version 2': { container: (c) => concat(Uint8Array.of(2), c.subarray(1)) },
  'in a container with a byte more': { container: (c) => concat(c, zero) },
  'in a container with a byte less': { container: (c) => c.subarray(0, -1) },
  'in a container of two parts': { container: (c) => c.subarray(0, 1 + 2 + 37 + 2 + 30) },
  'in a container with a length too much': {
    container: (c) => concat(c.subarray(0, 2), Uint8Array.of(38), c.subarray(3)),
  },
};
