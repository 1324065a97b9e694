/**
 * What Node 2 keeps between its two messages of an ECDSA signature: one sealed, single-use value of 273 bytes.
 * Whoever stores it must hand it out once (docs/protocol.md): two answers from one state give Node 2's share away.
 * @module
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { type Bytes, equalBytes, u8, u32be, utf8 } from '../bytes.ts';
import { Abort } from '../errors.ts';
import { hash, xof } from './hash.ts';
import type { EcdsaKeyShare } from './key-share.ts';
import { encode, type Layout, split, validate } from './layout.ts';
import type { Scalar } from './secp256k1.ts';
import type { EcdsaRequest } from './sign-ecdsa-messages.ts';
import { tags } from './tags.ts';
import { wiping } from './wipe.ts';

export const stateLayout = [
  { name: 'version', length: 1, kind: 'hash' },
  { name: 'ssid', length: 32, kind: 'hash' },
  { name: 'tr', length: 32, kind: 'hash' },
  { name: 'com1', length: 32, kind: 'hash' },
  { name: 'r2', length: 32, kind: 'scalar' },
  { name: 'rho2', length: 32, kind: 'nonce' },
  { name: 'phi2', length: 32, kind: 'scalar' },
  { name: 'beta2', length: 64, kind: 'bits' },
] as const satisfies Layout;

/** Secret. */
export interface P2State {
  readonly ssid: Bytes;
  readonly tr: Bytes;
  readonly com1: Bytes;
  readonly r2: Scalar;
  readonly rho2: Bytes;
  readonly phi2: Scalar;
  /** The 512 choice bits, 64 bytes. */
  readonly beta2: Bytes;
}

/** What the state belongs to: key epoch, request, attempt and session. */
export interface StateOwner {
  readonly share: Pick<EcdsaKeyShare, 'sid' | 'epoch' | 'hedgeSeed'>;
  readonly request: EcdsaRequest;
  /** Id of the attempt, chosen by Node 1, 16 bytes. */
  readonly reqId: Bytes;
  readonly ssid: Bytes;
}

const VERSION = u8(1);
/** The key is used for one message, so the nonce may be constant. */
const NONCE = new Uint8Array(12);
const TAG_LENGTH = 16;

const keyOf = ({ share, ssid }: StateOwner): Bytes => xof(tags.stateKey, [share.hedgeSeed, ssid], 32);

/** Additional data: 32 bytes. */
export const stateAad = ({ share, request, reqId, ssid }: StateOwner): Bytes =>
  hash(
    tags.stateAad,
    share.sid,
    u32be(share.epoch),
    reqId,
    request.Q,
    utf8(request.path),
    request.digest,
    request.reqHash,
    ssid,
  );

/** The open state, 257 bytes. Secret. */
export const encodeState = (state: P2State): Bytes => encode(stateLayout, { ...state, version: VERSION });

/** AES-256-GCM: ciphertext ‖ tag, 273 bytes. */
export function sealState(owner: StateOwner, state: P2State): Bytes {
  const key = keyOf(owner);
  const open = encodeState(state);
  try {
    const cipher = createCipheriv('aes-256-gcm', key, NONCE).setAAD(stateAad(owner));
    const sealed = new Uint8Array(open.length + TAG_LENGTH);
    sealed.set(cipher.update(open));
    cipher.final();
    sealed.set(cipher.getAuthTag(), open.length);
    return sealed;
  } finally {
    key.fill(0);
    open.fill(0);
  }
}

/** @throws {Abort} `E_STATE` if the value was altered, or belongs to another attempt, request, epoch or session. */
export function openState(owner: StateOwner, sealed: Bytes): P2State {
  return wiping(({ secret, kept }) => {
    try {
      const end = sealed.length - TAG_LENGTH;
      const key = secret(keyOf(owner));
      const decipher = createDecipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG_LENGTH })
        .setAAD(stateAad(owner))
        .setAuthTag(sealed.subarray(end));
      const open = kept(new Uint8Array(decipher.update(sealed.subarray(0, end))));
      decipher.final();
      const { version, ...state } = validate(stateLayout, split(stateLayout, open));
      if (!equalBytes(version, VERSION) || !equalBytes(state.ssid, owner.ssid))
        throw new Error('other session');
      return state;
    } catch {
      // One code for all reasons: which of them it was is nobody's business but the alarm's.
      throw new Abort('E_STATE', 'the stored state does not open');
    }
  });
}
