/**
 * What a payload does, and the operation that would be authorised for it, as found here: nobody is asked but
 * for the proof of the wallet's address.
 * @module
 */
import { toBase64url } from '../shared/bytes.ts';
import { type Decoded, decodePayload, type Intent, type SignPayload } from '../shared/chains/payload.ts';
import { signatureOperation } from '../shared/intent/build.ts';
import { type CreateSignature, operationDigest } from '../shared/intent/operation.ts';
import type { ProvenAddress } from './address-proof.ts';
import { locally } from './errors.ts';
import { newIdempotencyKey, type Session } from './session.ts';

/** What to sign. The blockchain is the wallet's, unless it is named: then it must be. */
export type Payload = Omit<SignPayload, 'blockchain'> & Partial<Pick<SignPayload, 'blockchain'>>;

/** A payload for a wallet. */
export interface PayloadRequest {
  readonly wallet: string;
  readonly payload: Payload;
  /** Made if absent; a repeated call with the same key is the same signature. */
  readonly idempotencyKey?: string;
}

export interface Prepared {
  readonly wallet: ProvenAddress;
  readonly payload: SignPayload;
  readonly decoded: Decoded;
  readonly operation: CreateSignature;
  /** base64url of 32 bytes. */
  readonly operationDigest: string;
  readonly intent: Intent;
  readonly toSign: Decoded['toSign'];
  readonly idempotencyKey: string;
}

/** Of a wallet, what both nodes proved. */
export type Proven = (wallet: string) => Promise<ProvenAddress>;

/** @throws {PlanbokError} if the address is not proven, or the payload not one that can be read */
export async function prepare(
  session: Session,
  proven: Proven,
  { wallet: id, payload: asked, idempotencyKey }: PayloadRequest,
): Promise<Prepared> {
  const wallet = await proven(id);
  const payload = { blockchain: wallet.blockchain, ...asked } as SignPayload;
  session.onProgress({ step: 'decode' });
  const key = idempotencyKey ?? newIdempotencyKey(session);
  return locally(() => {
    // Whether this credential may sign raw digests is for the nodes to say.
    const decoded = decodePayload(payload, wallet.key, { allowRawDigest: true });
    const operation = signatureOperation(session.organization, key, { ...wallet, id }, payload, decoded);
    const digest = toBase64url(operationDigest(operation));
    const { intent, toSign } = decoded;
    return {
      wallet,
      payload,
      decoded,
      operation,
      operationDigest: digest,
      intent,
      toSign,
      idempotencyKey: key,
    };
  });
}
