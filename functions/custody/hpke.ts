/**
 * The receiving half of HPKE (RFC 9180) for base mode, DHKEM(P-256, HKDF-SHA256) 0x0010, HKDF-SHA256 0x0001,
 * AES-256-GCM 0x0002, when the private key is in KMS: from the raw Diffie-Hellman secret on, which KMS gives.
 * Every context opens one message, with sequence number 0.
 * @module
 */
import { createDecipheriv, createHmac } from 'node:crypto';
import { type Bytes, concat, u16be, utf8 } from '#shared/bytes.ts';
import { wipe } from '#shared/mpc/wipe.ts';

const kemSuite = concat(utf8('KEM'), u16be(0x0010));
const suite = concat(utf8('HPKE'), u16be(0x0010), u16be(0x0001), u16be(0x0002));
const version = utf8('HPKE-v1');
const nothing = new Uint8Array();

const hmac = (key: Bytes, ...parts: readonly Bytes[]): Bytes => {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
};

/** RFC 9180, 4: HKDF-Extract is one HMAC keyed with the salt. */
const labeledExtract = (salt: Bytes, suiteId: Bytes, label: string, ikm: Bytes): Bytes =>
  hmac(salt, version, suiteId, utf8(label), ikm);

/** RFC 9180, 4: up to 32 bytes, hence the first block of HKDF-Expand alone. */
function labeledExpand(prk: Bytes, suiteId: Bytes, label: string, info: Bytes, length: 12 | 32): Bytes {
  const block = hmac(prk, u16be(length), version, suiteId, utf8(label), info, Uint8Array.of(1));
  const out = new Uint8Array(block.subarray(0, length));
  block.fill(0);
  return out;
}

/**
 * Decap of RFC 9180, 4.1, after its Diffie-Hellman step.
 * @param dh the x-coordinate of skR·pkE, 32 bytes; still the caller's to wipe
 * @param enc pkE, 65 bytes @param pkR 65 bytes
 * @returns the KEM's shared secret, 32 bytes: the caller wipes it
 */
export function sharedSecretOf(dh: Bytes, enc: Bytes, pkR: Bytes): Bytes {
  const prk = labeledExtract(nothing, kemSuite, 'eae_prk', dh);
  try {
    return labeledExpand(prk, kemSuite, 'shared_secret', concat(enc, pkR), 32);
  } finally {
    prk.fill(0);
  }
}

/** Key schedule of RFC 9180, 5.1, mode base (no psk). The caller wipes what it gets. */
export function keySchedule(shared: Bytes, info: Bytes): { readonly key: Bytes; readonly nonce: Bytes } {
  const context = concat(
    Uint8Array.of(0),
    labeledExtract(nothing, suite, 'psk_id_hash', nothing),
    labeledExtract(nothing, suite, 'info_hash', info),
  );
  const secret = labeledExtract(shared, suite, 'secret', nothing);
  try {
    return {
      key: labeledExpand(secret, suite, 'key', context, 32),
      nonce: labeledExpand(secret, suite, 'base_nonce', context, 12),
    };
  } finally {
    secret.fill(0);
  }
}

export interface HpkeMessage {
  /** 65 bytes. */
  readonly enc: Bytes;
  /** `ciphertext ‖ tag 16`. */
  readonly ciphertext: Bytes;
  readonly info: Bytes;
  readonly aad: Bytes;
}

/**
 * The plaintext: the caller wipes it.
 * @param dh as in {@link sharedSecretOf} @param pkR the receiver's key, 65 bytes
 * @throws {Error} if it does not open
 */
export function openBase(dh: Bytes, pkR: Bytes, { enc, ciphertext, info, aad }: HpkeMessage): Bytes {
  const shared = sharedSecretOf(dh, enc, pkR);
  const { key, nonce } = keySchedule(shared, info);
  let plaintext: Buffer | undefined;
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: 16 });
    decipher.setAAD(aad).setAuthTag(ciphertext.subarray(-16));
    plaintext = decipher.update(ciphertext.subarray(0, -16));
    decipher.final();
    return new Uint8Array(plaintext);
  } finally {
    wipe(shared, key, nonce);
    plaintext?.fill(0);
  }
}
