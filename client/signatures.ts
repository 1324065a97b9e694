/**
 * Signing: decode here, compare with what the server reads, authorise, and believe nothing that comes back
 * before it verifies here.
 * @module
 */
import { toBase64url, toHex } from '../shared/bytes.ts';
import {
  type Decoded,
  decodePayload,
  type Intent,
  type SignPayload,
  verifySigned,
} from '../shared/chains/payload.ts';
import { signatureOperation } from '../shared/intent/build.ts';
import { type CreateSignature, operationDigest } from '../shared/intent/operation.ts';
import type { Answer } from '../shared/wire/routes.ts';
import type { ProvenAddress } from './address-proof.ts';
import { locally, PlanbokError } from './errors.ts';
import { carryOut, newIdempotencyKey, pages, read, type Session } from './session.ts';

export type Signature = Answer<'getSignature'>;

/** What to sign. The blockchain is the wallet's, unless it is named: then it must be. */
export type Payload = Omit<SignPayload, 'blockchain'> & Partial<Pick<SignPayload, 'blockchain'>>;

export interface SignRequest {
  readonly wallet: string;
  readonly payload: Payload;
  /** Made if absent; a repeated call with the same key is the same signature. */
  readonly idempotencyKey?: string;
  /** Sees what the payload does, as decoded here. Anything but true, and nothing is authorised. */
  readonly confirm?: (intent: Intent) => boolean | Promise<boolean>;
  /** False saves a round trip: the nodes decode and compare all the same, and refuse what differs. */
  readonly preview?: boolean;
}

/** What would be signed, as decoded here and confirmed by the server. */
export interface Preview {
  readonly operation: CreateSignature;
  /** base64url of 32 bytes. */
  readonly operationDigest: string;
  readonly intent: Intent;
  readonly toSign: Decoded['toSign'];
  readonly idempotencyKey: string;
  readonly wallet: ProvenAddress;
}

interface Prepared extends Preview {
  readonly payload: SignPayload;
  readonly decoded: Decoded;
}

export function signaturesOf(session: Session, proven: (id: string) => Promise<ProvenAddress>) {
  /** Everything that can be known without the server, but for the proof of the wallet's address. */
  async function prepare({ wallet: id, payload: asked, idempotencyKey }: SignRequest): Promise<Prepared> {
    const wallet = await proven(id);
    const payload = { blockchain: wallet.blockchain, ...asked } as SignPayload;
    session.onProgress({ step: 'decode' });
    const key = idempotencyKey ?? newIdempotencyKey(session);
    return locally(() => {
      // Whether this credential may sign raw digests is for the nodes to say.
      const decoded = decodePayload(payload, wallet.key, { allowRawDigest: true });
      const signing = { ...wallet, id };
      const operation = signatureOperation(session.organization, key, signing, payload, decoded);
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

  async function compare(prepared: Prepared): Promise<void> {
    const { wallet, payload, idempotencyKey } = prepared;
    session.onProgress({ step: 'preview' });
    const theirs = await read(session, 'previewSignature', {
      body: { wallet: wallet.wallet, payload, idempotencyKey },
    });
    const same =
      theirs.operationDigest === prepared.operationDigest &&
      toBase64url(operationDigest(theirs.operation as CreateSignature)) === prepared.operationDigest &&
      theirs.intent.summary === prepared.intent.summary &&
      theirs.toSign.length === prepared.toSign.length &&
      prepared.toSign.every(({ bytes }, i) => theirs.toSign[i]?.bytes === toHex(bytes));
    if (!same) {
      const said = `here: ${prepared.intent.summary}; there: ${theirs.intent.summary}`;
      throw new PlanbokError('preview_mismatch', `the server reads the payload differently. ${said}`);
    }
  }

  return {
    /** Decodes here and at the server, and compares. @throws {PlanbokError} `preview_mismatch` */
    async preview(request: SignRequest): Promise<Preview> {
      const prepared = await prepare(request);
      await compare(prepared);
      const { payload: _, decoded: __, ...preview } = prepared;
      return preview;
    },
    /**
     * @throws {PlanbokError} `not_confirmed`, `preview_mismatch`; `result_invalid` if what came back is not
     * a signature of this wallet for this payload
     */
    async create(request: SignRequest): Promise<Signature> {
      const prepared = await prepare(request);
      const { wallet, payload, decoded, operation, idempotencyKey } = prepared;
      if (request.preview !== false) await compare(prepared);
      if (request.confirm) {
        session.onProgress({ step: 'confirm', detail: decoded.intent.summary });
        if ((await request.confirm(decoded.intent)) !== true)
          throw new PlanbokError('not_confirmed', 'the operation was not confirmed');
      }
      session.onProgress({ step: 'sign', detail: decoded.intent.summary });
      const params = { id: wallet.wallet };
      const made = await carryOut(session, 'createSignature', operation, { payload }, params);
      session.onProgress({ step: 'verify' });
      const result = {
        signature: made.signature,
        ...(made.signedTransaction !== undefined && { signedTransaction: made.signedTransaction }),
        ...(made.transactionId !== undefined && { transactionId: made.transactionId }),
      };
      if (made.wallet !== wallet.wallet || !verifySigned(payload, wallet.key, decoded, result))
        throw new PlanbokError('result_invalid', 'what came back is not a signature for this payload', {
          idempotencyKey,
        });
      return made;
    },
    get: (id: string): Promise<Signature> => read(session, 'getSignature', { params: { id } }),
    /** All, newest first; pages are fetched as they are asked for. */
    list: (
      options: { readonly wallet?: string; readonly limit?: number } = {},
    ): AsyncGenerator<Signature, void, undefined> =>
      pages(session, 'listSignatures', { wallet: options.wallet, limit: options.limit }),
  };
}
