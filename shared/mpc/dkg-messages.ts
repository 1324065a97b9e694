/**
 * The messages of key generation, and what Node 2 stores between two of them, as layouts. `X` is the
 * secp256k1 key, `A` the ed25519 key; `P` and `U` are the points of the base oblivious transfers: `P2, U2`
 * of direction 2 (Node 1 chooses), `P1, U1` of direction 1 (Node 2 chooses).
 *
 * For secp256k1 alone D1..D4 have 8,256, 16,577, 8,417 and 32 bytes.
 * @module
 */
import type { KeyTypes } from './context.ts';
import { field, ifEd25519, ifSecp256k1 } from './message.ts';
import { otLengths } from './ot-base.ts';

/** Node 1's nonce and commitment, and its first transfer message. */
export const d1Layout = (types: KeyTypes) =>
  [
    field('n1', 32, 'bytes'),
    field('com1', 32, 'bytes'),
    field('P2', ifSecp256k1(types, otLengths.points), 'ristretto255 points'),
  ] as const;

/** Node 2's public shares with proofs, its part of chain code and zero seed, and its transfer messages. */
export const d2Layout = (types: KeyTypes) =>
  [
    field('n2', 32, 'bytes'),
    field('X2', ifSecp256k1(types, 33), 'secp256k1 point'),
    field('A2', ifEd25519(types, 32), 'ed25519 point'),
    field('eX2', ifSecp256k1(types, 32), 'secp256k1 scalar'),
    field('sigmaX2', ifSecp256k1(types, 32), 'secp256k1 scalar'),
    field('eA2', ifEd25519(types, 32), 'ed25519 scalar'),
    field('sigmaA2', ifEd25519(types, 32), 'ed25519 scalar'),
    field('cc2', 32, 'bytes'),
    field('zs2', 32, 'bytes'),
    field('U2', ifSecp256k1(types, otLengths.points), 'ristretto255 points'),
    field('P1', ifSecp256k1(types, otLengths.points), 'ristretto255 points'),
  ] as const;

/** Node 1 opens its commitment, proves, finishes the transfers, and confirms what it has computed. */
export const d3Layout = (types: KeyTypes) =>
  [
    field('X1', ifSecp256k1(types, 33), 'secp256k1 point'),
    field('A1', ifEd25519(types, 32), 'ed25519 point'),
    field('cc1', 32, 'bytes'),
    field('zs1', 32, 'bytes'),
    field('rho1', 32, 'bytes'),
    field('eX1', ifSecp256k1(types, 32), 'secp256k1 scalar'),
    field('sigmaX1', ifSecp256k1(types, 32), 'secp256k1 scalar'),
    field('eA1', ifEd25519(types, 32), 'ed25519 scalar'),
    field('sigmaA1', ifEd25519(types, 32), 'ed25519 scalar'),
    field('U1', ifSecp256k1(types, otLengths.points), 'ristretto255 points'),
    field('conf1', 32, 'bytes'),
  ] as const;

/** Node 2 confirms. */
export const d4Layout = () => [field('conf2', 32, 'bytes')] as const;

/** Node 2's state between D2 and D3 behind its first two bytes (version, key types). Secret. */
export const p2StateLayout = (types: KeyTypes) =>
  [
    field('context', 32, 'bytes'),
    field('epoch', 4, 'bytes'),
    field('sid', 32, 'bytes'),
    field('n1', 32, 'bytes'),
    field('com1', 32, 'bytes'),
    field('transcript', 32, 'bytes'),
    field('x2', ifSecp256k1(types, 32), 'secp256k1 scalar'),
    field('X2', ifSecp256k1(types, 33), 'secp256k1 point'),
    field('a2', ifEd25519(types, 32), 'ed25519 scalar'),
    field('A2', ifEd25519(types, 32), 'ed25519 point'),
    field('cc2', 32, 'bytes'),
    field('zs2', 32, 'bytes'),
    field('K', ifSecp256k1(types, otLengths.pairs), 'bytes'),
    field('delta', ifSecp256k1(types, otLengths.choices), 'bytes'),
    field('t', ifSecp256k1(types, otLengths.single), 'bytes'),
    field('P1', ifSecp256k1(types, otLengths.points), 'ristretto255 points'),
  ] as const;
