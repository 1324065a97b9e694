/**
 * `navigator.credentials` of a page, over authenticators in software. It counts how often a person was asked.
 * @module
 */
import { randomBytes } from 'node:crypto';
import type { Authenticators, Created, CreateOptions, Got } from '../../client/webauthn-api.ts';
import { type Bytes, concat, fromBase64url, toBase64url } from '../../shared/bytes.ts';
import { spkiOfPoint } from '../../shared/crypto/spki.ts';
import {
  type Authenticator,
  authenticator,
  authenticatorData,
  type Deviation,
  flags,
} from './authenticator.ts';

const utf8 = (text: string): Bytes => new TextEncoder().encode(text);
/** A buffer of these bytes alone. */
const buffer = (bytes: Bytes): ArrayBuffer => Uint8Array.from(bytes).buffer;

export interface SoftBrowser extends Authenticators {
  create(options: CreateOptions): Promise<Created>;
  /** How often somebody was asked to touch, look or type. */
  gestures: number;
  /** Of the next assertions. */
  deviation: Deviation;
  /** What of the next creation is not as it ought to be. */
  creation: Partial<Created['response']> & { readonly client?: object; readonly bits?: number };
  /** By WebAuthn id. */
  readonly kept: Map<string, Authenticator>;
}

const cose = (point: Bytes): Bytes =>
  concat(
    Uint8Array.from(Buffer.from('a5010203262001215820', 'hex')),
    point.slice(1, 33),
    Uint8Array.from(Buffer.from('225820', 'hex')),
    point.slice(33),
  );

/** @param origin of the page */
export function softBrowser(origin: string): SoftBrowser {
  let asking = false;
  /** One gesture, a moment long. A second one meanwhile is refused, as browsers do. */
  async function gesture(): Promise<void> {
    if (asking) throw new DOMException('a request is pending', 'OperationError');
    asking = true;
    self.gestures++;
    await new Promise((resolve) => setTimeout(resolve, 1));
    asking = false;
  }
  const self: SoftBrowser = {
    gestures: 0,
    deviation: {},
    creation: {},
    kept: new Map(),
    async create({ publicKey }): Promise<Created> {
      await gesture();
      const { id: rpId } = publicKey.rp;
      const made = authenticator({ rpId, origins: [origin] });
      const id = new Uint8Array(randomBytes(16));
      self.kept.set(toBase64url(id), made);
      const point = fromBase64url(made.key.publicKey);
      const { client, bits = flags.UP | flags.UV | flags.AT, ...response } = self.creation;
      const said = {
        type: 'webauthn.create',
        challenge: toBase64url(publicKey.challenge),
        origin,
        crossOrigin: false,
        ...client,
      };
      const attested = concat(new Uint8Array(16), Uint8Array.of(0, id.length), id, cose(point));
      return {
        rawId: buffer(id),
        response: {
          clientDataJSON: buffer(utf8(JSON.stringify(said))),
          getAuthenticatorData: () => buffer(concat(authenticatorData(rpId, bits), attested)),
          getPublicKey: () => buffer(spkiOfPoint(point)),
          getPublicKeyAlgorithm: () => -7,
          getTransports: () => ['internal'],
          ...response,
        },
      };
    },
    async get({ publicKey }): Promise<Got> {
      await gesture();
      const ids = publicKey.allowCredentials.map(({ id }) => toBase64url(id));
      const chosen = [...self.kept].find(([id]) => ids.length === 0 || ids.includes(id))?.[1];
      if (chosen === undefined) throw new DOMException('none of them is here', 'NotAllowedError');
      const given = chosen.answer(publicKey.challenge, self.deviation);
      return {
        response: {
          authenticatorData: buffer(given.authenticatorData),
          clientDataJSON: buffer(given.clientDataJSON),
          signature: buffer(given.signature),
        },
      };
    },
  };
  return self;
}
