/**
 * One signature request: authorised here, then by Node 2, then made by both, one protocol session for each
 * digest. The answer is stored before it leaves.
 * @module
 */
import { create } from '@bufbuild/protobuf';
import { assemble, type Signed } from '#shared/chains/payload.ts';
import { derivedId } from '#shared/intent/canonical.ts';
import type { ActorRequest } from '#shared/intent/http-signature.ts';
import type { Answer as Reply } from '#shared/wire/routes.ts';
import { ActorRequestSchema } from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { eventId, eventOf } from '../audit/recording.ts';
import type { HttpAnswer } from '../http.ts';
import { type AuthorisedSignature, readSignatureRequest, type SignatureRequest } from '../intake.ts';
import { jobOf, keyTypeOf, openShares, wipeShares } from '../signing.ts';
import { admission } from './approvals.ts';
import { type Answer, type Lead, once } from './lead.ts';
import { type Made, signJob } from './sign-job.ts';

/** Sessions of one operation that run at the same time. */
const parallel = 4;

export async function createSignature(
  lead: Lead,
  request: ActorRequest,
): Promise<Answer<Reply<'createSignature'>> | HttpAnswer> {
  const authorised = await readSignatureRequest(lead.node, request);
  const { digest, actor } = authorised;
  const id = derivedId('sig', digest, 0);
  const find = async (): Promise<Reply<'createSignature'> | undefined> => {
    const stored = await lead.node.resources.findSignature(id);
    return stored && (JSON.parse(stored.answer) as Reply<'createSignature'>);
  };
  const admitted = await admission(lead, request, authorised, async () => (await find()) !== undefined);
  if ('pending' in admitted) return admitted.pending;
  return once(lead, { organization: actor.organization, digest }, request, id, find, () =>
    makeSignature(lead, admitted.request, authorised, id),
  );
}

async function makeSignature(
  lead: Lead,
  request: SignatureRequest,
  authorised: AuthorisedSignature,
  id: string,
): Promise<Reply<'createSignature'>> {
  const { node } = lead;
  const { wallet, walletKey, payload, decoded, actor } = authorised;
  // The protocol has verified each signature with libsecp256k1 or OpenSSL; assembling verifies it with noble.
  const made = await signAll(lead, request, authorised);
  const signatures = made.map(({ signature }) => signature);
  const signed = assemble(payload, walletKey, decoded, signatures);
  const created = new Date(node.clock()).toISOString();
  const [first] = made;
  const body = {
    id,
    state: 'completed',
    wallet: wallet.id,
    kind: payload.kind,
    blockchain: payload.blockchain,
    ...(signed satisfies Signed),
    intent: decoded.intent,
    created,
    auditEventId: first === undefined ? '' : eventId(first.begun),
    ...(first && { auditPromises: { node1: first.begun.promise, node2: first.theirs } }),
  } as Reply<'createSignature'>;
  const record = { id, organization: actor.organization, wallet: wallet.id, created };
  if (await node.resources.addSignature({ ...record, answer: JSON.stringify(body) })) return body;
  // Another request for this operation was faster: there is one answer.
  const stored = await node.resources.signature(actor.organization, id);
  return JSON.parse(stored.answer) as Reply<'createSignature'>;
}

/** Every digest of the operation, in order. The first failure ends the operation; nothing of it is handed out. */
async function signAll(
  lead: Lead,
  request: SignatureRequest,
  { actor, wallet, digest, key, decoded, authorisation }: AuthorisedSignature,
): Promise<Made[]> {
  const forwarded = { ...request, approvals: [...(request.approvals ?? [])] };
  const purpose = { case: 'request', value: create(ActorRequestSchema, forwarded) } as const;
  const shares = openShares(lead.node, key, [...new Set(decoded.toSign.map(keyTypeOf))]);
  // Awaited later, beside the first round trip; a failure until then is not an unhandled one.
  shares.catch(() => undefined);
  const event = eventOf(actor, 'sign', wallet.id, digest);
  const signatures: Made[] = [];
  try {
    for (let at = 0; at < decoded.toSign.length; at += parallel) {
      const slice = decoded.toSign.slice(at, at + parallel);
      const settled = await Promise.allSettled(
        slice.map((toSign, i) => {
          const job = jobOf(toSign, authorisation, at + i);
          return signJob(lead, { key, shares, job, purpose, index: at + i, event });
        }),
      );
      for (const result of settled) {
        if (result.status === 'rejected') throw result.reason;
        signatures.push(result.value);
      }
    }
    return signatures;
  } finally {
    // No session runs any more: all of them settled above.
    shares.then(wipeShares, () => undefined);
  }
}
