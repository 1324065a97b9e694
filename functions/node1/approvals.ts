/**
 * Signatures that wait for approvals, at Node 1: kept when the policy asks for more approvals than came along,
 * decided by those whom it names, cancelled by who asked. What is kept here decides nothing: Node 2 verifies
 * every approval itself.
 * @module
 */
import { fromBase64url, toBase64url, utf8 } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import { derivedId } from '#shared/intent/canonical.ts';
import type { ActorRequest } from '#shared/intent/http-signature.ts';
import {
  approvalMaxLifeSeconds,
  parseApproval,
  readApproval,
  type SignedApproval,
  type Voice,
} from '#shared/policy/approval.ts';
import { isNamed } from '#shared/policy/quorum.ts';
import type { Registry } from '#shared/registry/registry.ts';
import { readBody, readParams } from '#shared/wire/parse.ts';
import { pathOf, routes } from '#shared/wire/routes.ts';
import { type ApprovalView, approvalView, askedIn, signatureOf } from '../approvals.ts';
import { eventOf, recorded } from '../audit/recording.ts';
import { type Actor, authenticate, verifyWithOpenssl } from '../authenticate.ts';
import { assertMay } from '../guard.ts';
import type { HttpAnswer, HttpRequest } from '../http.ts';
import type { AuthorisedSignature, SignatureRequest } from '../intake.ts';
import type { Node } from '../node.ts';
import { approvalContext, askedOf, assertAllowed, type Judgement, judge, quorumsFor } from '../policy.ts';
import type { ApprovalRecord } from '../stores/approvals.ts';
import type { Lead } from './lead.ts';

/** Payload and decoded intent together; an item of the table holds 400 KB, decisions included. */
const mostKeptBytes = 200_000;

/** A request may go on with approvals that were kept for it, or has to wait. */
export type Admission = { readonly request: SignatureRequest } | { readonly pending: HttpAnswer };

/**
 * What the policy says of a request for a signature, together with the approvals that are kept for it. What
 * the policy allows without an approval costs neither a read nor a write here.
 * @param isSigned asked only if something is missing: what was signed stays signed, whatever the policy says by now
 * @throws {CustodyError} `policy_denied`; `approval_required` if it must not wait, or is too large to;
 * `approval_closed` if nobody can approve it any more
 */
export async function admission(
  lead: Lead,
  request: ActorRequest,
  authorised: AuthorisedSignature,
  isSigned: () => Promise<boolean>,
): Promise<Admission> {
  const { node } = lead;
  const nowMs = node.clock();
  const asked = askedOf(authorised);
  const first = judge(asked, nowMs);
  if (first.outcome === 'allow' && asked.approvals.length === 0) return { request };
  if (await isSigned()) return { request };
  if (first.outcome === 'deny') assertAllowed(first);
  const id = derivedId('apr', authorised.digest, 0);
  const record = await node.approvals.find(id);
  if (record !== undefined) {
    assertOpen(record, nowMs);
    const kept = record.decisions.map(({ signed }) => signed);
    const all = judge({ ...asked, approvals: [...asked.approvals, ...kept] }, nowMs);
    const approvals = kept.map((signed) => utf8(JSON.stringify(signed)));
    if (all.outcome === 'allow') return { request: { ...request, approvals } };
    if (all.outcome === 'deny' || authorised.holdSeconds === 0) assertAllowed(all);
    return pending(lead, authorised.actor.registry, record);
  }
  if (first.outcome === 'allow') return { request };
  if (authorised.holdSeconds === 0) assertAllowed(first);
  return pending(lead, authorised.actor.registry, await keep(lead, id, authorised, first));
}

async function pending({ node }: Lead, registry: Registry, record: ApprovalRecord): Promise<Admission> {
  const body = await approvalView(node.resources, registry, record, node.clock());
  return { pending: { body, pendingAt: pathOf('getApproval', { id: record.id }) } };
}

async function keep(
  { node, idempotency }: Lead,
  id: string,
  { actor, digest, wallet, payload, decoded, operation, holdSeconds }: AuthorisedSignature,
  judgement: Judgement,
): Promise<ApprovalRecord> {
  const { organization } = actor;
  const [payloadText, intent] = [JSON.stringify(payload), JSON.stringify(decoded.intent)];
  // With the approvals in the request it can still be signed.
  if (utf8(payloadText).length + utf8(intent).length > mostKeptBytes) assertAllowed(judgement);
  const nowMs = node.clock();
  const record: ApprovalRecord = {
    id,
    organization,
    wallet: wallet.id,
    walletSet: wallet.walletSet,
    operation: toBase64url(digest),
    idempotencyKey: operation.idempotencyKey,
    payload: payloadText,
    intent,
    requester: actor.credential.holder,
    created: new Date(nowMs).toISOString(),
    expiresMs: nowMs + (holdSeconds ?? approvalMaxLifeSeconds) * 1000,
    state: 'open',
    decisions: [],
  };
  // The idempotency key stands for this operation from now on; whoever comes back with it may go on at once.
  const claim = await idempotency.claim(organization, operation.idempotencyKey, digest, signatureOf(record));
  try {
    const event = eventOf(actor, 'approval.request', wallet.id, digest);
    return await recorded(node, event, () => node.approvals.add(record));
  } finally {
    await claim.release().catch((cause: unknown) => cause);
  }
}

/** @throws {CustodyError} `policy_denied` if somebody rejected it; `approval_closed` */
function assertOpen({ state, closed, expiresMs }: ApprovalRecord, nowMs: number): void {
  if (state === 'denied') throw new CustodyError('policy_denied', `${closed?.by} rejected this`);
  if (state === 'cancelled') throw new CustodyError('approval_closed', 'this was cancelled');
  if (nowMs >= expiresMs)
    throw new CustodyError(
      'approval_closed',
      'the time for approvals is over: ask with a new idempotency key',
    );
}

/** Whose request it is, and the approval that it names. @throws {CustodyError} `approval_not_found`, `scope_missing` */
async function open(
  { node }: Lead,
  request: HttpRequest,
  name: 'decideApproval' | 'cancelApproval',
): Promise<{ readonly actor: Actor; readonly record: ApprovalRecord }> {
  const actor = await authenticate(node.registry, request, node.clock());
  node.admit?.(actor, request);
  const { id } = readParams(name, request.match.params);
  const record = await node.approvals.find(id);
  if (record?.organization !== actor.organization)
    throw new CustodyError('approval_not_found', `no approval ${id}`);
  assertMay(actor, routes[name], record.walletSet, node.clock());
  return { actor, record };
}

/**
 * A member's word. A rejection ends it; of an approval only the newest of each member is kept.
 * @throws {CustodyError} what `readApproval` throws; `approver_refused`, `approval_closed`
 */
export async function decideApproval(lead: Lead, request: HttpRequest): Promise<HttpAnswer> {
  const { node } = lead;
  const { actor, record } = await open(lead, request, 'decideApproval');
  const signed = parseApproval(readBody('decideApproval', request.body));
  const { decision } = signed.approval;
  const member = actor.credential.holder;
  const isRepeated = record.decisions.some(
    (one) => one.member === member && one.signed.signature === signed.signature,
  );
  if (isRepeated) return shown(node, actor.registry, record);
  await assertUndecided(node, record);
  eligible(record, signed, actor, node.clock());
  const event = eventOf(actor, `approval.${decision}`, record.wallet, fromBase64url(record.operation));
  const decided = await recorded(node, event, () =>
    node.approvals.change(record.id, (standing) => {
      assertOpen(standing, node.clock());
      const others = standing.decisions.filter((one) => one.member !== member);
      const after = { ...standing, decisions: [...others, { member, signed }] };
      return decision === 'approve' ? after : closedBy(after, 'denied', member, node.clock());
    }),
  );
  return shown(node, actor.registry, decided);
}

/** The actor's own word, and the policy asks for it. @throws {CustodyError} */
function eligible(record: ApprovalRecord, signed: SignedApproval, actor: Actor, nowMs: number): Voice {
  const asked = askedIn(record, actor.registry);
  const voice = readApproval(signed, approvalContext(asked, nowMs), verifyWithOpenssl);
  const isAsked = quorumsFor(asked, nowMs).some((quorum) => isNamed(quorum, voice));
  if (voice.member !== actor.credential.holder || !isAsked)
    throw new CustodyError('approver_refused', 'the policy asks others for their approval of this');
  return voice;
}

/** By who asked; again, it is no change. @throws {CustodyError} `approver_refused`, `approval_closed` */
export async function cancelApproval(lead: Lead, request: HttpRequest): Promise<HttpAnswer> {
  const { node } = lead;
  readBody('cancelApproval', request.body);
  const { actor, record } = await open(lead, request, 'cancelApproval');
  const { holder } = actor.credential;
  if (holder !== record.requester)
    throw new CustodyError('approver_refused', 'only who asked cancels; an approver rejects');
  if (record.state === 'cancelled') return shown(node, actor.registry, record);
  await assertUndecided(node, record);
  const event = eventOf(actor, 'approval.cancel', record.wallet, fromBase64url(record.operation));
  const after = await recorded(node, event, () =>
    node.approvals.change(record.id, (standing) => {
      assertOpen(standing, node.clock());
      return closedBy(standing, 'cancelled', holder, node.clock());
    }),
  );
  return shown(node, actor.registry, after);
}

const closedBy = (
  record: ApprovalRecord,
  state: ApprovalRecord['state'],
  by: string,
  nowMs: number,
): ApprovalRecord => ({ ...record, state, closed: { by, time: new Date(nowMs).toISOString() } });

/** @throws {CustodyError} `policy_denied`, `approval_closed` */
async function assertUndecided({ resources, clock }: Node, record: ApprovalRecord): Promise<void> {
  assertOpen(record, clock());
  if ((await resources.findSignature(signatureOf(record))) !== undefined)
    throw new CustodyError('approval_closed', 'this is signed');
}

async function shown(node: Node, registry: Registry, record: ApprovalRecord): Promise<HttpAnswer> {
  const body: ApprovalView = await approvalView(node.resources, registry, record, node.clock());
  return { body };
}
