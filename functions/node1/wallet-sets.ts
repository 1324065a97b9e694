/**
 * A wallet set: keys made by both nodes, shown once they have signed.
 * @module
 */

import { derivedId } from '#shared/intent/canonical.ts';
import type { ActorRequest } from '#shared/intent/http-signature.ts';
import type { Answer as Reply } from '#shared/wire/routes.ts';
import { eventId } from '../audit/recording.ts';
import { readWalletSetRequest } from '../intake.ts';
import { walletSetView } from '../views.ts';
import { ensureKeys, selfTest } from './dkg.ts';
import { type Answer, type Lead, once } from './lead.ts';

export async function createWalletSet(
  lead: Lead,
  request: ActorRequest,
): Promise<Answer<Reply<'createWalletSet'>>> {
  const { resources } = lead.node;
  const authorised = await readWalletSetRequest(lead.node, request);
  const { digest, actor } = authorised;
  const id = derivedId('wset', digest, 0);
  return once(
    lead,
    { organization: actor.organization, digest },
    request,
    id,
    async () => {
      const known = await resources.findWalletSet(id);
      return known && walletSetView(known, 'active');
    },
    async () => {
      const { key, record } = await ensureKeys(lead, request, authorised, id);
      const tested = await selfTest(lead, key);
      const { organization, name, custody, keyTypes, cc, created, secp256k1, ed25519 } = key.account;
      const walletSet = {
        id,
        organization,
        name,
        custody,
        keyTypes,
        cc,
        created,
        auditEventId: eventId({ event: record ?? tested }),
        ...(secp256k1 && { secp256k1 }),
        ...(ed25519 && { ed25519 }),
      };
      if (await resources.addWalletSet(walletSet)) return walletSetView(walletSet, 'active');
      // Another request for this operation was faster: there is one answer.
      return walletSetView(await resources.walletSet(organization, id), 'active');
    },
  );
}
