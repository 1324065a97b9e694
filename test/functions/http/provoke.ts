/**
 * What it takes to be refused with a code that ordinary requests do not meet: used up keys, broken stores,
 * a peer that is away. One entry per code; all of it over HTTP.
 * @module
 */
import canonicalize from 'canonicalize';
import { utf8 } from '../../../shared/bytes.ts';
import { CustodyError, type ErrorCode } from '../../../shared/errors.ts';
import type { ActorRequest } from '../../../shared/intent/http-signature.ts';
import { scopes } from '../../../shared/registry/statement.ts';
import { pathOf } from '../../../shared/wire/routes.ts';
import { askInvitation, askSet, askSignature, askWallets, hello, newKey, settle } from '../../support/ask.ts';
import { owner, personOf, type Reply, twoNodes, type World } from '../../support/two-nodes.ts';
import { jsonOf, signedAgain } from './breakages.ts';
import {
  addApiKey,
  type Home,
  idOf,
  registryAt2,
  say,
  stated,
  stranger,
  transfer,
  upToDate,
} from './home.ts';
import { samples } from './samples.ts';

type Send = (request: ActorRequest, world?: World) => Promise<Reply>;
type Provoke = (home: Home, send: Send) => Promise<unknown>;

const canonicalText = canonicalize as unknown as (json: unknown) => string;

/** With a member of an object replaced, until it is done. */
async function during<T extends object>(
  on: T,
  instead: Partial<T>,
  run: () => Promise<unknown>,
): Promise<void> {
  const before = { ...on };
  Object.assign(on, instead);
  try {
    await run();
  } finally {
    Object.assign(on, before);
  }
}

const signing = async ({ world, ada, own }: Home, key = newKey()) =>
  askSignature(await upToDate(world, ada), own.wallet, hello('SOL', `hi ${key}`), key);

/** A signature request with another payload: it is decoded before it is compared with what was authorised. */
async function withPayload(home: Home, payload: object): Promise<ActorRequest> {
  const request = await signing(home);
  return signedAgain(home.ada, request, { body: utf8(JSON.stringify({ ...jsonOf(request), payload })) });
}

const failing = (error: Error) => async (): Promise<never> => {
  throw error;
};

/** The ledger entry of the wallet set at Node 1 is in this state. */
const inState = async ({ world, own }: Home, state: string, run: () => Promise<unknown>) => {
  const key = { key: own.walletSet, epoch: '1' };
  await world.node1.tables.keys.update(key, { set: { state } });
  await run();
  await world.node1.tables.keys.update(key, { set: { state: 'ACTIVE' } });
};

const policySet = async ({ world, ada, second }: Home, rule: object) => {
  const policy = canonicalText({ type: 'planbok/policy/v1', rules: [rule], allow: [] });
  await say(world, ada, { kind: 'policy.set', walletSet: second.walletSet, policy });
  return askSignature(await upToDate(world, ada), second.wallet, hello('SOL', newKey()));
};

/** Another payload to an Ethereum wallet, by a credential without `sign_raw`. */
async function onEthereum(send: Send, payload: object): Promise<void> {
  const world = await twoNodes();
  const who = owner(world);
  const { wallets } = await settle(world, who, ['ETH'], ['secp256k1']);
  const request = await askSignature(who, wallets['ETH'], hello('ETH'));
  const body = utf8(JSON.stringify({ ...jsonOf(request), payload }));
  await send(await signedAgain(who, request, { body }), world);
}

/** The sample of a route, with some members of its body replaced. */
async function sampleWith(
  { world, ada, own }: Home,
  name: 'createWalletSet' | 'createWebhook',
  changes: object,
): Promise<ActorRequest> {
  const who = await upToDate(world, ada);
  const request = await samples[name].ask(who, own, world);
  return signedAgain(who, request, { body: utf8(JSON.stringify({ ...jsonOf(request), ...changes })) });
}

export const provocations: Readonly<Partial<Record<ErrorCode, Provoke>>> = {
  async custody_unsupported(home, send) {
    await send(await sampleWith(home, 'createWalletSet', { custody: 'trustless' }));
  },
  async webhook_url_refused(home, send) {
    await send(await sampleWith(home, 'createWebhook', { url: 'https://10.0.0.1/hook' }));
  },
  async authorisation_mismatch(home, send) {
    await send(await withPayload(home, { kind: 'message', blockchain: 'SOL', message: 'another' }));
  },
  async idempotency_key_reused({ world, ada, own }, send) {
    const key = newKey();
    for (const text of ['one', 'two'])
      await send(await askSignature(await upToDate(world, ada), own.wallet, hello('SOL', text), key));
  },
  async idempotency_in_progress(home, send) {
    const key = newKey();
    const [first, second] = [await signing(home, key), await signing(home, key)];
    const { wire } = home.world;
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let reached: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => {
      reached = resolve;
    });
    home.world.wire = async (method, envelope, deliver) => {
      reached();
      await held;
      return wire(method, envelope, deliver);
    };
    const running = send(first);
    await arrived;
    await send(second);
    release();
    await running;
    home.world.wire = wire;
  },
  async rate_limited(_, send) {
    const world = await twoNodes({ limits: { credential: 1, organization: 9 } });
    const who = owner(world);
    await send(await who.found(), world);
    for (let i = 0; i < 2; i++) await send(await who.get('/v1/organization'), world);
  },
  async invitation_invalid(_, send) {
    const world = await twoNodes({ invitation: 'ab'.repeat(32) });
    await send(await owner(world).found('none'), world);
  },
  async authorisation_replayed(home, send) {
    const request = await signing(home);
    await during(home.world, { wire: failing(new Error('away')) }, () => send(request));
    await send(request);
  },
  registry_behind: async ({ ada, own }, send) =>
    send(await askSignature(ada.at('a-head-of-nobody'), own.wallet, hello('SOL'))),
  async address_refused({ world, ada }, send) {
    const { key } = await addApiKey(world, ada, { '*': ['view'] }, { cidrs: ['10.1.0.0/16'] });
    await send(await key.get('/v1/organization'));
  },
  async statement_conflict({ world, ada }, send) {
    const log = await registryAt2(world, ada.organization);
    for (let i = 0; i < 2; i++) {
      const member = { kind: 'member.add', member: idOf('mem'), name: 'x', role: 'member' } as const;
      await send(await ada.post('/v1/statements', '', stated(world, ada, log, member)));
    }
  },
  async grant_refused({ world, principals }, send) {
    const who = principals.find(({ actorClass }) => actorClass === 'admin')?.who;
    if (who === undefined) throw new RangeError('there is no admin');
    const { publicKey } = stranger(world, who.organization);
    const credential = { algorithm: 'ed25519', publicKey } as const;
    const content = { kind: 'api_key.create', apiKey: idOf('apk'), name: 'x', role: 'member' } as const;
    const log = await registryAt2(world, who.organization);
    const signed = stated(world, who, log, { ...content, credential, scopes: { '*': ['sign_raw'] } });
    await send(await who.post('/v1/statements', '', signed));
  },
  async last_owner({ world, mallory }, send) {
    const log = await registryAt2(world, mallory.organization);
    const [member = ''] = Object.keys(log.members);
    const signed = stated(world, mallory, log, { kind: 'member.role', member, role: 'member' });
    await send(await mallory.post('/v1/statements', '', signed));
  },
  async invitation_unusable({ world, ada }, send) {
    const [invitation, one] = [idOf('inv'), stranger(world, ada.organization)];
    const expires = new Date(world.clockMs + 3_600_000).toISOString();
    const content = {
      invitation,
      role: 'member',
      scopes: ['view'],
      publicKey: one.publicKey,
      expires,
    } as const;
    await say(world, ada, { kind: 'invitation.create', ...content });
    await say(world, ada, { kind: 'invitation.revoke', invitation });
    const invitee = personOf(world, ada.organization, invitation, one.sign);
    const { publicKey } = stranger(world, ada.organization);
    const credential = { algorithm: 'ed25519', publicKey, scopes: ['view'] } as const;
    const log = await registryAt2(world, ada.organization);
    const accept = { kind: 'invitation.accept', member: idOf('mem'), name: 'x', credential } as const;
    await send(await ada.post('/v1/statements', '', stated(world, invitee, log, accept)));
  },
  async cosignatures_missing({ world, ada }, send) {
    const log = await registryAt2(world, ada.organization);
    const member = Object.keys(log.members).find((id) => log.members[id]?.role === 'member') ?? '';
    const { publicKey } = stranger(world, ada.organization);
    const credential = { algorithm: 'ed25519', publicKey, scopes: ['view'] } as const;
    const signed = stated(world, ada, log, { kind: 'recovery.credential', member, credential });
    await send(await ada.post('/v1/statements', '', signed));
  },
  audit_resource_not_found: async ({ ada }, send) =>
    send(await ada.get(pathOf('getTlog', { node: 'node1', path: 'tile/0/999' }))),
  wallet_set_not_active: (home, send) =>
    inState(home, 'PENDING', async () =>
      send(
        await askWallets(await upToDate(home.world, home.ada), {
          walletSet: home.own.walletSet,
          blockchains: ['SOL'],
        }),
      ),
    ),
  key_quarantined: (home, send) => inState(home, 'LOCKED_CHK', async () => send(await signing(home))),
  key_type_missing: async ({ world, ada, own }, send) =>
    send(await askWallets(await upToDate(world, ada), { walletSet: own.walletSet, blockchains: ['ETH'] })),
  payload_undecodable: async (home, send) =>
    send(await withPayload(home, { kind: 'transaction', blockchain: 'SOL', transaction: 'AAAA' })),
  chain_id_mismatch: async (home, send) =>
    send(await withPayload(home, { kind: 'message', blockchain: 'ETH', message: 'x' })),
  raw_digest_disabled: (_, send) =>
    onEthereum(send, { kind: 'raw_digest', blockchain: 'ETH', digest: '11'.repeat(32) }),
  // A transaction that carries blobs can be read, and is not signed.
  payload_refused: (_, send) =>
    onEthereum(send, { kind: 'transaction', blockchain: 'ETH', transaction: '0x03c0' }),
  async statement_refused({ world, ada }, send) {
    const log = await registryAt2(world, ada.organization);
    const content = { kind: 'member.remove', member: idOf('mem'), more: 'than it says' } as const;
    await send(await ada.post('/v1/statements', '', stated(world, ada, log, content)));
  },
  async approver_refused({ world, principals, own }, send) {
    const who = principals.find(({ actorClass }) => actorClass === 'admin')?.who;
    if (who === undefined) throw new RangeError('there is no admin');
    await send(await (await upToDate(world, who)).delete(pathOf('cancelApproval', own.approval)));
  },
  async approval_closed({ world, ada, own }, send) {
    const asking = await askSignature(await upToDate(world, ada), own.wallet, transfer(own.wallet));
    const { body } = await send(asking);
    await send(await ada.delete(pathOf('cancelApproval', body)));
    const decided = await samples.decideApproval.ask(ada, { ...own, approval: body }, world);
    await send(decided);
  },
  async delivery_not_found(home, send) {
    const request = await samples.redeliverWebhook.ask(home.ada, home.own, home.world);
    const path = request.path.replace(/deliveries\/[^/]+/, 'deliveries/evt_none');
    await send(await signedAgain(home.ada, request, { path }));
  },
  async webhook_limit_reached({ world, ada, own }, send) {
    for (let i = 0; i < 33; i++) await send(await samples.createWebhook.ask(ada, own, world));
  },
  async invitation_code_invalid(home, send) {
    const { code, ...rest } = jsonOf(await samples.requestToJoin.ask(home.ada, home.own, home.world));
    const other = code.replace(/.$/, (c: string) => (c === 'a' ? 'b' : 'a'));
    await send(await home.ada.post(pathOf('requestToJoin'), '', { ...rest, code: other }));
  },
  async invitation_limit_reached({ world, ada, own }, send) {
    const first = await samples.resendInvitation.ask(ada, own, world);
    for (let i = 0; i < 12; i++) await send(await ada.post(first.path, newKey(), new Uint8Array()));
  },
  async mail_unsupported(_, send) {
    const world = await twoNodes({ mail: false });
    const who = owner(world, scopes);
    await send(await who.found(), world);
    await send(await askInvitation(world, who), world);
  },
  async mail_unavailable({ world, ada }, send) {
    const request = await askInvitation(world, ada);
    Object.assign(world.mails, {
      push() {
        throw new CustodyError('mail_unavailable', 'no outbox');
      },
    });
    await send(request);
    Reflect.deleteProperty(world.mails, 'push');
  },
  policy_denied: async (home, send) =>
    send(await policySet(home, { id: 'never', kind: 'kinds', kinds: ['transaction'] })),
  async approval_required({ world, ada }, send) {
    // A policy whose change others must approve.
    const [member = ''] = Object.keys((await registryAt2(world, ada.organization)).members).slice(1);
    const walletSet = idOf('wset');
    const changes = { required: '1', approvers: [member] };
    const text = (rules: object[]) =>
      canonicalText({ type: 'planbok/policy/v1', rules, allow: [{ allow: 'message' }], changes });
    await say(world, ada, { kind: 'policy.set', walletSet, policy: text([]) });
    const log = await registryAt2(world, ada.organization);
    const rule = { id: 'k', kind: 'kinds', kinds: ['message'] };
    const signed = stated(world, ada, log, { kind: 'policy.set', walletSet, policy: text([rule]) });
    await send(await ada.post('/v1/statements', '', signed));
  },
  async session_not_found({ world, ada }, send) {
    const { sessions } = world.node2.tables;
    await during(sessions, { update: async () => null }, async () =>
      send(await askSet(await upToDate(world, ada), ['ed25519'])),
    );
  },
  async attempts_exhausted(home, send) {
    const key = newKey();
    const { world } = home;
    const { wire } = world;
    world.wire = async (method, envelope, deliver) => {
      await deliver(envelope);
      throw new Error(`${method}: the answer is lost`);
    };
    for (let i = 0; i < 3; i++) await send(await signing(home, key));
    world.wire = wire;
    await send(await signing(home, key));
  },
  protocol_abort: async (home, send) =>
    during(home.world.node2.tables.sessions, { put: async () => false }, async () =>
      send(await signing(home)),
    ),
  share_unreadable: async (home, send) =>
    during(
      home.world.node1.keys,
      { decryptDataKey: failing(new CustodyError('share_unreadable', 'secret of a key')) },
      async () => send(await signing(home)),
    ),
  node_unavailable: async (home, send) =>
    during(home.world, { wire: failing(new Error('away')) }, async () => send(await signing(home))),
  storage_unavailable: async (home, send) =>
    during(
      home.world.node1.tables.resources,
      { list: failing(new CustodyError('storage_unavailable', 'no answer')) },
      async () => send(await home.ada.get('/v1/wallets')),
    ),
  audit_unavailable: async (home, send) =>
    during(
      home.world.node1.tables.audit,
      { put: failing(new CustodyError('storage_unavailable', 'no answer')) },
      async () => send(await signing(home)),
    ),
  internal: async (home, send) =>
    during(
      home.world.node1.tables.resources,
      { list: failing(new TypeError('a secret in a bug')) },
      async () => send(await home.ada.get('/v1/wallets')),
    ),
};
