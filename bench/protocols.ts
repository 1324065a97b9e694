/**
 * What the protocols cost both parties together: CPU, bytes on the wire (bodies, without envelopes), messages.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { contextOf } from '#shared/mpc/context.ts';
import { deriveEd25519, deriveSecp256k1 } from '#shared/mpc/derive.ts';
import * as dkg from '#shared/mpc/dkg.ts';
import type { KeyShares } from '#shared/mpc/share-blob.ts';
import * as bip340 from '#shared/mpc/sign-bip340.ts';
import * as ecdsa from '#shared/mpc/sign-ecdsa.ts';
import * as eddsa from '#shared/mpc/sign-eddsa.ts';
import { cpuOf, type Spread, spreadOf } from './measure.ts';

export interface Cost {
  readonly cpuMs: Spread;
  readonly bytes: number;
  readonly messages: number;
}

const random = (n: number): Uint8Array => new Uint8Array(randomBytes(n));
const keyTypes = ['secp256k1', 'ed25519'] as const;

function generate(): {
  readonly p1: KeyShares;
  readonly p2: KeyShares;
  readonly sent: readonly Uint8Array[];
} {
  const key = { orgId: 'org', walletSetId: 'wset', keyId: 'wset', epoch: 1 };
  const identities = { identity1: random(32), identity2: random(32) };
  const ctx = contextOf({ keyTypes, ...key, ...identities });
  const [state1, D1] = dkg.p1Start(ctx, keyTypes, random);
  const [state2, D2] = dkg.p2Start(ctx, keyTypes, D1, random);
  const [pending, D3] = dkg.p1Open(state1, D2, random);
  const [{ shares: p2 }, D4] = dkg.p2Finish(state2, D3, random);
  return { p1: dkg.p1Confirm(pending, D4).shares, p2, sent: [D1, D2, D3, D4] };
}

export type Protocol = 'dkg' | 'ecdsaSign' | 'eddsaSign' | 'bip340Sign';

/** Runs each protocol; `scale` 1 is a minute. */
export function measureProtocols(scale: number): Readonly<Record<Protocol, Cost>> {
  const { p1, p2 } = generate();
  if (!p1.secp256k1 || !p2.secp256k1 || !p1.ed25519 || !p2.ed25519)
    throw new Error('both keys were asked for');
  const [e1, e2, d1, d2] = [p1.secp256k1, p2.secp256k1, p1.ed25519, p2.ed25519];
  const request = { digest: random(32), reqHash: random(32) };
  const evm = { ...deriveSecp256k1(e1.Q, e1.cc, 'm/44/0/0'), ...request };
  const taproot = { ...deriveSecp256k1(e1.Q, e1.cc, 'm/86/0/0'), merkleRoot: new Uint8Array(), ...request };
  const solana = {
    ...deriveEd25519(d1.A, d1.cc, 'm/501/0/0'),
    message: random(200),
    reqHash: request.reqHash,
  };

  const runs: Record<Protocol, () => readonly Uint8Array[]> = {
    dkg: () => generate().sent,
    ecdsaSign() {
      const reqId = random(16);
      const [started, S1] = ecdsa.p1Start(e1, evm, random);
      const [stored, S2] = ecdsa.p2Respond(e2, evm, reqId, S1, random);
      const [middle, S3] = ecdsa.p1Middle(started, e1, evm, S2, random);
      const S4 = ecdsa.p2Finish(e2, evm, reqId, stored, S3, random);
      ecdsa.p1Finish(middle, evm, S4, random);
      return [S1, S2, S3, S4];
    },
    eddsaSign() {
      const [state, S1] = eddsa.p1Start(d1, solana, random);
      const S2 = eddsa.p2Respond(d2, solana, S1, random);
      eddsa.p1Finish(state, d1, solana, S2);
      return [S1, S2];
    },
    bip340Sign() {
      const [state, S1] = bip340.p1Start(e1, taproot, random);
      const S2 = bip340.p2Respond(e2, taproot, S1, random);
      bip340.p1Finish(state, e1, taproot, S2);
      return [S1, S2];
    },
  };
  const counts: Record<Protocol, number> = { dkg: 15, ecdsaSign: 400, eddsaSign: 400, bip340Sign: 400 };
  const cost = (name: Protocol): Cost => {
    const times = Math.max(5, Math.round(counts[name] * scale));
    const sent = runs[name]();
    return {
      cpuMs: spreadOf(cpuOf(runs[name], Math.ceil(times / 4), times)),
      bytes: sent.reduce((sum, { length }) => sum + length, 0),
      messages: sent.length,
    };
  };
  return {
    ecdsaSign: cost('ecdsaSign'),
    eddsaSign: cost('eddsaSign'),
    bip340Sign: cost('bip340Sign'),
    dkg: cost('dkg'),
  };
}
