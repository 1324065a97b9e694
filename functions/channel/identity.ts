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

/** A delegation begins this much before it is made: a peer whose clock is behind can use it at once. */
const aheadMs = 60_000;

/** A delegated key in use. */
export interface Voice {
  readonly delegation: Delegation;
  sign(message: Bytes): Bytes;
  attest<D extends Said>(document: D): Attested<D>;
}

export interface NodeIdentity {
  readonly node: NodeName;
  /**
   * The current delegated key; a new one is made when two thirds of the hour are over, or when the clock was
   * put back to before the hour began.
   */
  voice(): Promise<Voice>;
}

export interface IdentityPorts {
  readonly keys: Pick<KeyService, 'signIdentity'>;
  readonly clock: Clock;
  readonly random: Random;
}

export function nodeIdentity(node: NodeName, ports: IdentityPorts, bundle = ''): NodeIdentity {
  let current: { readonly voice: Promise<Voice>; readonly fromMs: number } | undefined;
  return {
    node,
    voice() {
      const now = ports.clock();
      if (
        current === undefined ||
        now < current.fromMs ||
        now >= current.fromMs + (maxDelegationMs * 2) / 3
      ) {
        const voice = newVoice(node, ports, bundle, now);
        const mine = { voice, fromMs: now - aheadMs };
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
    notBefore: String(now - aheadMs),
    notAfter: String(now - aheadMs + maxDelegationMs),
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
