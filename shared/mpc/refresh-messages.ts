/**
 * The messages of a refresh, and what Node 2 stores between two of them, as layouts. `P` and `U` are the points
 * of the base oblivious transfers, as in key generation; `e` and `sigma` prove that a node knows its current
 * share (X: secp256k1, A: ed25519).
 *
 * For secp256k1 alone F1..F4 have 8,288, 16,560, 8,352 and 32 bytes.
 * @module
 */
import type { KeyTypes } from './context.ts';
import { sealOverhead } from './hpke.ts';
import { field, ifEd25519, ifSecp256k1 } from './message.ts';
import { otLengths } from './ot-base.ts';

/** Node 1's nonce and commitment, the key to seal Node 2's part to, and its first transfer message. */
export const f1Layout = (types: KeyTypes) =>
  [
    field('n1', 32, 'bytes'),
    field('com1', 32, 'bytes'),
    field('seal1', 32, 'x25519 key'),
    field('P2', ifSecp256k1(types, otLengths.points), 'ristretto255 points'),
  ] as const;

/** Node 2's part of the shift, sealed; its proofs and its transfer messages. */
export const f2Layout = (types: KeyTypes) =>
  [
    field('n2', 32, 'bytes'),
    field('enc2', 32, 'x25519 key'),
    field('box2', 32 + sealOverhead, 'bytes'),
    field('eX2', ifSecp256k1(types, 32), 'secp256k1 scalar'),
    field('sigmaX2', ifSecp256k1(types, 32), 'secp256k1 scalar'),
    field('eA2', ifEd25519(types, 32), 'ed25519 scalar'),
    field('sigmaA2', ifEd25519(types, 32), 'ed25519 scalar'),
    field('U2', ifSecp256k1(types, otLengths.points), 'ristretto255 points'),
    field('P1', ifSecp256k1(types, otLengths.points), 'ristretto255 points'),
  ] as const;

/** Node 1 opens its commitment, proves, finishes the transfers, and confirms what it has computed. */
export const f3Layout = (types: KeyTypes) =>
  [
    field('rho1', 32, 'bytes'),
    field('salt1', 32, 'bytes'),
    field('eX1', ifSecp256k1(types, 32), 'secp256k1 scalar'),
    field('sigmaX1', ifSecp256k1(types, 32), 'secp256k1 scalar'),
    field('eA1', ifEd25519(types, 32), 'ed25519 scalar'),
    field('sigmaA1', ifEd25519(types, 32), 'ed25519 scalar'),
    field('U1', ifSecp256k1(types, otLengths.points), 'ristretto255 points'),
    field('conf1', 32, 'bytes'),
  ] as const;

/** Node 2 confirms. */
export const f4Layout = () => [field('conf2', 32, 'bytes')] as const;

/** Node 2's state between F2 and F3 behind its first two bytes (format, key types). Secret. */
export const f2StateLayout = (types: KeyTypes) =>
  [
    field('context', 32, 'bytes'),
    field('sid', 32, 'bytes'),
    field('current', 32, 'bytes'),
    field('n1', 32, 'bytes'),
    field('com1', 32, 'bytes'),
    field('transcript', 32, 'bytes'),
    field('rho2', 32, 'bytes'),
    field('K', ifSecp256k1(types, otLengths.pairs), 'bytes'),
    field('delta', ifSecp256k1(types, otLengths.choices), 'bytes'),
    field('t', ifSecp256k1(types, otLengths.single), 'bytes'),
    field('P1', ifSecp256k1(types, otLengths.points), 'ristretto255 points'),
  ] as const;
