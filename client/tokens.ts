/**
 * Bearer tokens: for what only reads and cannot sign, such as a dashboard. A token is as good as whoever holds it.
 * @module
 */

import { tokenOperation } from '../shared/intent/build.ts';
import type { RequestSigner } from '../shared/intent/http-signature.ts';
import { parseBearer } from '../shared/wire/bearer-token.ts';
import type { Answer } from '../shared/wire/routes.ts';
import { PlanbokError } from './errors.ts';
import { carryOut, change, newIdempotencyKey, pages, type Session } from './session.ts';

export interface NewToken {
  readonly name: string;
  /** Whose wallets and signatures it shows; all if absent. */
  readonly walletSets?: readonly string[];
  /** Addresses that it may be used from; any if absent. */
  readonly cidrs?: readonly string[];
  /** As 2026-01-02T03:04:05.678Z, at most a year from now. */
  readonly expires: string;
  readonly idempotencyKey?: string;
}

export type Token = Answer<'listTokens'>['data'][number];
/** With its text, which nobody is shown again. */
export type MadeToken = Answer<'createToken'> & { readonly token: string };

export const tokensOf = (session: Session) => ({
  /** @throws {PlanbokError} `result_invalid` if it was made before, and the answer that showed it was lost */
  async create({ walletSets = ['*'], idempotencyKey, ...asked }: NewToken): Promise<MadeToken> {
    const { name, cidrs, expires } = asked;
    const body = { name, walletSets, expires, ...(cidrs !== undefined && { cidrs }) };
    const key = idempotencyKey ?? newIdempotencyKey(session);
    const operation = tokenOperation(session.organization, key, body);
    const made = await carryOut(session, 'createToken', operation, body);
    const { token } = made;
    if (token === undefined)
      throw new PlanbokError(
        'result_invalid',
        `${made.id} was made before, and its text is not shown again: revoke it`,
      );
    if (parseBearer(token)?.id !== made.id)
      throw new PlanbokError('result_invalid', 'the answer is not a token of its own id');
    return { ...made, token };
  },
  /** Newest first; also those that ended. */
  list: (): AsyncGenerator<Token, void, undefined> => pages(session, 'listTokens', {}),
  /** From the next request on nobody reads with it. */
  revoke: (id: string): Promise<Token> => change(session, 'revokeToken', { params: { id } }),
});

/** In place of a key that signs, where there is a token only. */
export const noSigner = (organization: string): RequestSigner => ({
  keyId: `${organization}/token`,
  algorithm: 'ed25519',
  async sign() {
    throw new PlanbokError('bearer_refused', 'a token only reads: this takes a credential that signs');
  },
});
