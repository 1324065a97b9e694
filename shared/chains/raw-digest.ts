/**
 * A digest that nobody here can read. A separate permission, off by default; secp256k1 only, because an
 * Ed25519 key signs messages, and never for a Taproot key, whose signatures are BIP-340.
 * @module
 */
import { fromHex, toHex } from '../bytes.ts';
import { CustodyError } from '../errors.ts';
import type { Reading, SignPayload, WalletKey } from './intent.ts';
import { undecodable } from './intent.ts';

/** @throws {CustodyError} `payload_undecodable`, `kind_unsupported` */
export function readDigest(payload: SignPayload, wallet: WalletKey): Reading {
  const { kind, blockchain, digest = '' } = payload;
  if (wallet.addressType === 'p2tr')
    throw new CustodyError('kind_unsupported', 'A Taproot wallet does not sign raw digests');
  if (!/^(?:0x)?[0-9a-fA-F]{64}$/.test(digest)) throw undecodable('digest is not 32 bytes in hex');
  const bytes = fromHex(digest.replace(/^0x/, ''));
  return {
    intent: {
      kind,
      blockchain,
      summary: `Sign the digest ${toHex(bytes)}, which nobody can read: it may do anything`,
      effects: [{ type: 'raw_digest', details: { digest: toHex(bytes) } }],
    },
    toSign: [{ path: wallet.path, algorithm: 'ecdsa', bytes }],
  };
}
