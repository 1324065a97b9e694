/**
 * Node 2's receipt for a statement: nothing of the registry counts without it.
 * @module
 */
import { fromBase64url } from '../shared/bytes.ts';
import { type Attested, openAttested } from '../shared/crypto/attestation.ts';
import { isReceiptFor } from '../shared/registry/head.ts';
import type { Registry } from '../shared/registry/registry.ts';
import type { HeadReceipt } from '../shared/wire/resources.ts';
import type { Identities } from './address-proof.ts';
import { PlanbokError } from './errors.ts';

/** @throws {PlanbokError} `proof_invalid` unless the pinned Node 2 committed exactly this state */
export function checkReceipt(
  receipt: unknown,
  identities: Identities,
  state: Pick<Registry, 'organization' | 'head' | 'seq'>,
): void {
  let document: HeadReceipt;
  try {
    document = openAttested(receipt as Attested<HeadReceipt>, 'node2', fromBase64url(identities.node2));
  } catch (cause) {
    throw new PlanbokError('proof_invalid', "the receipt is not Node 2's", { cause });
  }
  if (!isReceiptFor(document, state))
    throw new PlanbokError('proof_invalid', 'the receipt is for something else');
}
