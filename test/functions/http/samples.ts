/**
 * One request of every route that is answered well if its asker may make it.
 *
 * **A new route needs an entry here**: the table does not compile without one, and the tests over all routes
 * (matrix, OpenAPI, audit) fail. An entry says
 *
 *   ask      the request, fresh each time (new nonce, new idempotency key), by `who`, about the things of
 *            `of` (home.ts), which may be another organization's or not exist at all
 *   absent   the code of the answer if those things are another organization's or nobody's; none if the
 *            answer is then an empty list, or if the request names no thing
 *   allowed  only if the route's rule in shared/wire/routes.ts is not the whole truth: who may
 *   denied   the codes of a refusal, if others than `scope_missing`
 *   alone    Node 1 does it alone
 *
 * @module
 */
import { fromBase64url, toBase64url } from '../../../shared/bytes.ts';
import type { ErrorCode } from '../../../shared/errors.ts';
import type { ActorRequest } from '../../../shared/intent/http-signature.ts';
import { approvalBytes, approvalOf } from '../../../shared/policy/approval.ts';
import { acts, administers, allows } from '../../../shared/registry/roles.ts';
import { pathOf, type RouteName } from '../../../shared/wire/routes.ts';
import {
  askInvitation,
  askSet,
  askSignature,
  askToken,
  askWallets,
  codeIn,
  hello,
  newKey,
  organizationIn,
  requestOf,
} from '../../support/ask.ts';
import { fresh, owner, type Person, type World } from '../../support/two-nodes.ts';
import {
  type Ground,
  idOf,
  type Principal,
  registryAt2,
  stated,
  stranger,
  transfer,
  upToDate,
} from './home.ts';

export interface Sample {
  readonly ask: (who: Person, of: Ground, world: World) => Promise<ActorRequest>;
  readonly absent?: ErrorCode;
  readonly allowed?: (principal: Principal) => boolean;
  readonly denied?: readonly ErrorCode[];
  /** Node 2 is not asked: it hears of it when it signs. */
  readonly alone?: true;
}

type Asks = Sample['ask'];

const get =
  (
    name: RouteName,
    params: (of: Ground) => Record<string, string> = () => ({}),
    query = (_: Ground) => '?',
  ): Asks =>
  (who, of) =>
    who.get(pathOf(name, params(of)), query(of));

const post =
  (name: RouteName, body: (of: Ground) => object): Asks =>
  (who, of) =>
    who.post(pathOf(name), '', body(of));

const wallet = (of: Ground) => ({ id: of.wallet.id as string });
const read = (name: RouteName): Sample => ({ ask: get(name) });

/** For the roles of an act: the route's scope is not the whole truth. */
const ofAdmins: Omit<Sample, 'ask'> = {
  allowed: ({ actorClass, credential }) =>
    acts.webhooks.some((role) => role === actorClass) &&
    administers.every((scope) => credential.includes(scope)),
  denied: ['role_missing'],
  alone: true,
};
const webhook = (of: Ground) => ({ id: of.webhook });
const ofWebhook = (ask: Asks): Sample => ({ ask, ...ofAdmins, absent: 'webhook_not_found' });
const absent = { status: 404, body: { id: '' } };

/** The message is another one each time, so that each is an operation of its own. */
const message = () => hello('SOL', `hello ${newKey()}`);

/** Owners and Admins, with a credential that administers. */
const runsTokens = ({ actorClass, credential }: Principal): boolean =>
  (acts.tokens as readonly string[]).includes(actorClass) &&
  administers.every((scope) => credential.includes(scope));

const invites: Omit<Sample, 'ask'> = { allowed: runsTokens, denied: ['role_missing'], alone: true };
const invitation = ({ invitation: id }: Ground) => ({ id });
/** It is sent again a few times, and ends once: whoever may invite does so first. */
async function freshInvitation(who: Person, of: Ground, world: World): Promise<{ readonly id: string }> {
  if (of.organization !== who.organization) return invitation(of);
  const { status, body } = await world.fetch(await askInvitation(world, who));
  return status === 201 ? { id: body.id } : invitation(of);
}

const joining = new WeakMap<World, object>();
/** The first invitation stays open. */
async function requestWithCode(world: World): Promise<object> {
  const text = world.mails[0]?.text ?? '';
  const made = joining.get(world) ?? {
    code: codeIn(text),
    request: (await requestOf(world, organizationIn(text))).text,
  };
  joining.set(world, made);
  return made;
}

export const samples: Readonly<Record<RouteName, Sample>> = {
  // Whoever founds is somebody new.
  createOrganization: { ask: (_, __, world) => owner(world).found() },
  getOrganization: read('getOrganization'),
  // An API key for nothing: who may make one, the table of statements says.
  createStatement: {
    async ask(who, of, world) {
      const { publicKey } = stranger(world, of.organization);
      const credential = { algorithm: 'ed25519', publicKey } as const;
      const content = {
        kind: 'api_key.create',
        apiKey: idOf('apk'),
        name: 'sample',
        role: 'member',
      } as const;
      const signed = stated(world, who, of.log, { ...content, credential, scopes: { '*': [] } });
      return who.post(pathOf('createStatement'), '', signed);
    },
    absent: 'credential_unknown',
    allowed: ({ actorClass, credential }) =>
      allows('api_key.create', actorClass, 'api_key') &&
      administers.every((scope) => credential.includes(scope)),
    denied: ['role_missing'],
  },
  listStatements: { ask: get('listStatements', undefined, () => '?from=0&limit=5') },
  listMembers: read('listMembers'),
  listApiKeys: read('listApiKeys'),
  createToken: {
    ask: async (who, { walletSet }, world) => askToken(world, await upToDate(world, who), walletSet),
    alone: true,
    allowed: runsTokens,
    denied: ['role_missing'],
  },
  listTokens: { ask: get('listTokens'), allowed: runsTokens, denied: ['role_missing'] },
  revokeToken: {
    ask: (who, { token }) => who.delete(pathOf('revokeToken', { id: token }), newKey()),
    absent: 'token_not_found',
    alone: true,
    allowed: runsTokens,
    denied: ['role_missing'],
  },
  createInvitation: { ask: (who, _, world) => askInvitation(world, who), ...invites },
  listInvitations: { ask: get('listInvitations', undefined, () => '?limit=2'), ...invites },
  getInvitation: {
    ask: get('getInvitation', invitation),
    ...invites,
    absent: 'invitation_not_found',
  },
  resendInvitation: {
    ask: async (who, of, world) =>
      who.post(pathOf('resendInvitation', await freshInvitation(who, of, world)), newKey(), new Uint8Array()),
    ...invites,
    absent: 'invitation_not_found',
  },
  endInvitation: {
    ask: async (who, of, world) => who.delete(pathOf('endInvitation', await freshInvitation(who, of, world))),
    ...invites,
    absent: 'invitation_not_found',
  },
  // By anybody with a code, whatever the organization: the same request again and again.
  requestToJoin: {
    ask: async (who, _, world) => who.post(pathOf('requestToJoin'), '', await requestWithCode(world)),
    alone: true,
  },
  createWalletSet: { ask: async (who, _, world) => askSet(await upToDate(world, who), ['ed25519']) },
  listWalletSets: { ask: get('listWalletSets', undefined, () => '?limit=2') },
  getWalletSet: {
    ask: get('getWalletSet', ({ walletSet }) => ({ id: walletSet })),
    absent: 'wallet_set_not_found',
  },
  createWallets: {
    ask: async (who, { walletSet }, world) =>
      askWallets(await upToDate(world, who), { walletSet, blockchains: ['SOL'] }),
    absent: 'wallet_set_not_found',
  },
  listWallets: { ask: get('listWallets', undefined, ({ walletSet }) => `?walletSet=${walletSet}`) },
  getWallet: { ask: get('getWallet', wallet), absent: 'wallet_not_found' },
  getAddressProof: { ask: get('getAddressProof', wallet), absent: 'wallet_not_found' },
  createSignature: {
    ask: async (who, of, world) => askSignature(await upToDate(world, who), of.wallet, message()),
    absent: 'wallet_not_found',
  },
  listSignatures: { ask: get('listSignatures', undefined, ({ wallet: { id } }) => `?wallet=${id}`) },
  previewSignature: {
    ask: post('previewSignature', (of) => ({
      wallet: of.wallet.id,
      payload: message(),
      idempotencyKey: newKey(),
    })),
    absent: 'wallet_not_found',
  },
  evaluatePolicy: {
    ask: post('evaluatePolicy', (of) => ({ wallet: of.wallet.id, payload: message() })),
    absent: 'wallet_not_found',
  },
  listPolicies: read('listPolicies'),
  getSignature: {
    ask: get('getSignature', ({ signature }) => ({ id: signature })),
    absent: 'signature_not_found',
  },
  listApprovals: { ask: get('listApprovals', undefined, ({ wallet: { id } }) => `?wallet=${id}`) },
  getApproval: {
    ask: get('getApproval', ({ approval: { id } }) => ({ id })),
    absent: 'approval_not_found',
  },
  decideApproval: {
    async ask(who, { approval: { id, operation } }, world) {
      const { head } = await registryAt2(world, who.organization);
      const approval = approvalOf(fromBase64url(operation), 'approve', {
        keyId: who.keyId,
        registryHead: head,
        nonce: fresh(16),
        issued: Math.floor(world.clockMs / 1000),
      });
      const signature = toBase64url(who.sign(approvalBytes(approval)));
      return who.post(pathOf('decideApproval', { id }), '', { approval, signature });
    },
    absent: 'approval_not_found',
    // An API key is nobody's own word, whatever its scopes.
    allowed: ({ actorClass, credential }) => actorClass === 'owner' && credential.includes('approve'),
    denied: ['scope_missing', 'credential_unknown'],
    alone: true,
  },
  cancelApproval: {
    async ask(who, of, world) {
      // Only who asked cancels: whoever may ask does so first.
      const asking = await askSignature(await upToDate(world, who), of.wallet, transfer(of.wallet));
      const { status, body } = await world.fetch(asking);
      return who.delete(pathOf('cancelApproval', { id: status === 202 ? body.id : of.approval.id }));
    },
    absent: 'approval_not_found',
    alone: true,
  },
  listAuditEvents: { ask: get('listAuditEvents', undefined, ({ wallet: { id } }) => `?object=${id}`) },
  getAuditEvent: {
    ask: get('getAuditEvent', ({ event }) => ({ id: event })),
    absent: 'audit_event_not_found',
  },
  getAuditProof: {
    ask: get('getAuditProof', ({ event }) => ({ id: event })),
    absent: 'audit_event_not_found',
  },
  getAuditCheckpoints: read('getAuditCheckpoints'),
  getConsistencyProof: { ask: get('getConsistencyProof', undefined, () => '?from=1&log=node2&to=2') },
  exportAudit: { ask: get('exportAudit', undefined, () => '?from=0&limit=5&log=node2') },
  getTlog: { ask: get('getTlog', () => ({ node: 'node2', path: 'checkpoint' })) },
  createWebhook: {
    ask: (who) => who.post(pathOf('createWebhook'), newKey(), { url: 'https://example.com/hooks' }),
    ...ofAdmins,
  },
  listWebhooks: { ask: get('listWebhooks', undefined, () => '?limit=2'), ...ofAdmins },
  getWebhook: ofWebhook(get('getWebhook', webhook)),
  updateWebhook: ofWebhook((who, of) =>
    who.patch(pathOf('updateWebhook', webhook(of)), newKey(), { name: newKey() }),
  ),
  deleteWebhook: ofWebhook(async (who, of, world) => {
    // It is gone afterwards: whoever may make one does so first.
    const making = await samples.createWebhook.ask(who, of, world);
    const { status, body } = of.organization === who.organization ? await world.fetch(making) : absent;
    return who.delete(pathOf('deleteWebhook', { id: status === 201 ? body.id : of.webhook }), newKey());
  }),
  rotateWebhookKey: ofWebhook((who, of) => who.post(pathOf('rotateWebhookKey', webhook(of)), newKey(), {})),
  testWebhook: ofWebhook((who, of) =>
    who.post(pathOf('testWebhook', webhook(of)), newKey(), new Uint8Array()),
  ),
  listDeliveries: ofWebhook(get('listDeliveries', webhook, () => '?limit=2')),
  redeliverWebhook: ofWebhook((who, of) => {
    const path = pathOf('redeliverWebhook', { id: of.webhook, delivery: of.delivery });
    return who.post(path, newKey(), new Uint8Array());
  }),
  listEvents: { ask: get('listEvents', undefined, () => '?limit=5') },
  getIdempotencyKey: {
    ask: get('getIdempotencyKey', ({ key }) => ({ key })),
    absent: 'idempotency_key_not_found',
  },
  listChains: read('listChains'),
  getLimits: read('getLimits'),
  getHealth: read('getHealth'),
  getAttestations: read('getAttestations'),
  getOpenapi: read('getOpenapi'),
};
