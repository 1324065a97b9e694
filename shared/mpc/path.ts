/**
 * Derivation paths below an account key: text such as `m/84/0/7`, never hardened, since no node knows a whole
 * private key. The first step, the branch, says for which algorithm a derived key is, and both nodes refuse any
 * other: no derived key ever signs under both ECDSA and BIP-340 (`docs/protocol.md` 5.3).
 * @module
 */
import { CustodyError } from '../errors.ts';

export type Algorithm = 'ecdsa' | 'bip340' | 'ed25519';

/** More than any path of this system has; a bound, so that a path cannot cost a node much. */
const maxDepth = 10;

/**
 * The indices of a path; none for `m`.
 *
 * @throws {CustodyError} `request_invalid` on a hardened step, an index above 2^31-1, leading zeros, more than ten steps
 */
export function parsePath(path: string): number[] {
  const [root, ...steps] = path.split('/');
  const indices = steps.map((step) => (/^(0|[1-9]\d{0,9})$/.test(step) ? Number(step) : Number.NaN));
  if (root !== 'm' || steps.length > maxDepth || indices.some((i) => !(i < 2 ** 31)))
    throw new CustodyError(
      'request_invalid',
      'a path is m, then up to ten steps /i with i < 2^31, not hardened',
    );
  return indices;
}

/** The branches: EVM 44, Bitcoin P2WPKH 84 and P2TR 86 with receive and change chains, Solana 501, NEAR 397. */
const branches: ReadonlyMap<number, { readonly algorithm: Algorithm; readonly chains: number }> = new Map([
  [44, { algorithm: 'ecdsa', chains: 1 }],
  [84, { algorithm: 'ecdsa', chains: 2 }],
  [86, { algorithm: 'bip340', chains: 2 }],
  [501, { algorithm: 'ed25519', chains: 1 }],
  [397, { algorithm: 'ed25519', chains: 1 }],
]);

/**
 * The one algorithm that may sign with the key of a path `m/branch/chain/index`.
 *
 * @throws {CustodyError} `request_invalid` if there is none
 */
export function algorithmOf(path: string): Algorithm {
  const indices = parsePath(path);
  const [branch = -1, chain = -1] = indices;
  const known = branches.get(branch);
  if (!known || indices.length !== 3 || chain >= known.chains)
    throw new CustodyError('request_invalid', 'no key signs at this path');
  return known.algorithm;
}

/** @throws {CustodyError} `request_invalid` if the key of this path may not sign under this algorithm */
export function requireAlgorithm(path: string, algorithm: Algorithm): void {
  if (algorithmOf(path) !== algorithm)
    throw new CustodyError('request_invalid', `the key of this path does not sign ${algorithm}`);
}
