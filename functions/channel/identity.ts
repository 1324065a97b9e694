/**
 * Who this node is on the wire: an Ed25519 key made in memory, for which the node's KMS identity key speaks
 * for at most an hour. One KMS signature an hour instead of one a message.
 * @module
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type Bytes, toBase64url } from '#shared/bytes.ts';
import {
  type Attested,
  attest,
  type Delegation,
  type DelegationBody,
  maxDelegationMs,
  type NodeName,
  type Said,
} from '#shared/crypto/attestation.ts';
import { canonicalBytes } from '#shared/intent/canonical.ts';
import type { Clock, KeyService, Random } from '../ports.ts';

/** A delegated key in use. */
export interface Voice {
  readonly delegation: Delegation;
  sign(message: Bytes): Bytes;
  attest<D extends Said>(document: D): Attested<D>;
}

export interface NodeIdentity {
  readonly node: NodeName;
  /** The current delegated key; a new one is made when two thirds of the hour are over. */
  voice(): Promise<Voice>;
}

export interface IdentityPorts {
  readonly keys: Pick<KeyService, 'signIdentity'>;
  readonly clock: Clock;
  readonly random: Random;
}

export function nodeIdentity(node: NodeName, ports: IdentityPorts, bundle = ''): NodeIdentity {
  let current: { readonly voice: Promise<Voice>; readonly renewMs: number } | undefined;
  return {
    node,
    voice() {
      const now = ports.clock();
      if (current === undefined || now >= current.renewMs) {
        const voice = newVoice(node, ports, bundle, now);
        const mine = { voice, renewMs: now + (maxDelegationMs * 2) / 3 };
        current = mine;
        // A failed KMS call is not remembered: the next request asks again.
        voice.catch(() => {
          if (current === mine) current = undefined;
        });
      }
      return current.voice;
    },
  };
}

async function newVoice(node: NodeName, ports: IdentityPorts, bundle: string, now: number): Promise<Voice> {
  const { publicKey, privateKey } = delegatedKeyPair();
  const body: DelegationBody = {
    type: 'planbok/delegation/v1',
    node,
    publicKey: toBase64url(publicKey),
    // A peer whose clock is a little behind must be able to use it at once.
    notBefore: String(now - 60_000),
    notAfter: String(now - 60_000 + maxDelegationMs),
    bundle,
    nonce: toBase64url(ports.random(16)),
  };
  const signed = canonicalBytes(body);
  const delegation = { signed, signature: await ports.keys.signIdentity(signed) };
  const signEd25519 = (message: Bytes): Bytes => new Uint8Array(sign(null, message, privateKey));
  return {
    delegation,
    sign: signEd25519,
    attest: (document) => attest(document, delegation, signEd25519),
  };
}

/** OpenSSL's key: it never leaves the process, and signing is constant-time. */
function delegatedKeyPair(): { readonly publicKey: Bytes; readonly privateKey: KeyObject } {
  const pair = generateKeyPairSync('ed25519', {
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  });
  const privateKey = createPrivateKey({ key: pair.privateKey, format: 'der', type: 'pkcs8' });
  pair.privateKey.fill(0);
  return { publicKey: new Uint8Array(pair.publicKey.subarray(-32)), privateKey };
}
