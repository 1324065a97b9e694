import { expect, test } from '@jest/globals';
import canonicalize from 'canonicalize';
import { exchangeCheckpoints, integrateOwn } from '../../functions/audit/exchange.ts';
import { type TableName, tables } from '../../functions/tables.ts';
import { dispatcherOf } from '../../functions/webhooks/dispatch.ts';
import type { Courier } from '../../functions/webhooks/ports.ts';
import { access, type ProgramName } from '../../infra/access.ts';
import { fromHex, toBase64url } from '../../shared/bytes.ts';
import { decodePayload, type SignPayload } from '../../shared/chains/payload.ts';
import {
  signatureOperation,
  tokenOperation,
  walletSetOperation,
  walletsOperation,
} from '../../shared/intent/build.ts';
import { draft } from '../../shared/registry/head.ts';
import { statementBytes } from '../../shared/registry/statement.ts';
import { programOf } from '../../shared/wire/routes.ts';
import { askInvitation, askSignature, codeIn, hello, requestOf } from '../support/ask.ts';
import { eventOf, fresh, owner, twoNodes, type World } from '../support/two-nodes.ts';

const canonicalText = canonicalize as unknown as (json: unknown) => string;
const key = () => toBase64url(fresh(9));

const actionOf = {
  get: 'GetItem',
  put: 'PutItem',
  update: 'UpdateItem',
  delete: 'DeleteItem',
  list: 'Query',
} as const;

/** Notes every action on every table, by program. Node 1 and the reads share tables: requests say whose. */
function watch(world: World) {
  const seen: Record<ProgramName, Partial<Record<TableName, Set<string>>>> = {
    node1: {},
    node2: {},
    api: {},
    sequencer: {},
  };
  const front: Record<'node1' | 'node2', ProgramName> = { node1: 'node1', node2: 'node2' };
  for (const [node, { tables: own }] of [
    ['node1', world.node1],
    ['node2', world.node2],
  ] as const)
    for (const name of Object.keys(tables) as TableName[])
      for (const [method, action] of Object.entries(actionOf)) {
        const table = own[name] as any;
        const original = table[method].bind(table);
        table[method] = (...args: unknown[]) => {
          const program = front[node];
          seen[program][name] ??= new Set();
          seen[program][name].add(action);
          return original(...args);
        };
      }
  const { fetch } = world;
  world.fetch = (request) => {
    front.node1 = programOf(request.method, request.path);
    return fetch(request);
  };
  return { seen, front };
}

const sorted = (by: Partial<Record<string, Iterable<string>>>) =>
  Object.fromEntries(Object.entries(by).map(([name, actions]) => [name, [...(actions ?? [])].sort()]));

test('a role may do with each table what its program does, and nothing else', async () => {
  const world = await twoNodes();
  const { seen, front } = watch(world);
  const alice = owner(world);
  await world.fetch(await alice.found());

  // A key generation whose end is lost on the way, and is taken back by both nodes.
  const body = { name: 'Treasury', custody: 'standard', keyTypes: ['secp256k1', 'ed25519'] } as const;
  const makeSet = async () =>
    world.fetch(
      await alice.ask('/v1/wallet-sets', body, walletSetOperation(alice.organization, idempotencyKey, body)),
    );
  const idempotencyKey = key();
  const honest = world.wire;
  world.wire = async (method, envelope, deliver) => {
    if (method === 'Dkg2') throw new Error('lost');
    return deliver(envelope);
  };
  expect((await makeSet()).status).toBe(503);
  world.wire = honest;
  const { body: set } = await makeSet();
  expect(set).toMatchObject({ state: 'active' });

  const want = { walletSet: set.id, blockchains: ['ETH', 'SOL'] } as const;
  const { body: wallets } = await world.fetch(
    await alice.ask('/v1/wallets', want, walletsOperation(alice.organization, key(), want)),
  );
  for (const wallet of wallets.data) {
    const payload: SignPayload = { kind: 'message', blockchain: wallet.blockchain, message: 'hello' };
    const decoded = decodePayload(payload, { ...wallet, publicKey: fromHex(wallet.publicKey) });
    const operation = signatureOperation(alice.organization, key(), wallet, payload, decoded);
    const path = `/v1/wallets/${wallet.id}/signatures`;
    expect((await world.fetch(await alice.ask(path, { payload }, operation))).status).toBe(201);
  }
  // Under a policy with a window: Node 2 counts.
  const window = { id: 'w', kind: 'window', asset: '*', seconds: '60', count: '1' };
  const policy = canonicalText({ type: 'planbok/policy/v1', rules: [window], allow: [{ allow: 'message' }] });
  const registry = await world.second.registry.read(alice.organization);
  const [, actor = ''] = alice.keyId.split('/');
  const content = { kind: 'policy.set', walletSet: set.id, policy } as const;
  const statement = draft(registry, actor, content, { nowMs: world.clockMs, nonce: fresh(16) });
  const signature = toBase64url(alice.sign(statementBytes(statement)));
  const stated = await world.fetch(await alice.post('/v1/statements', '', { statement, signature }));
  expect(stated.status).toBe(201);
  const [wallet] = wallets.data;
  const counted = await world.fetch(await askSignature(alice, wallet, hello(wallet.blockchain)));
  expect(counted.status).toBe(201);
  // The same key for something else, which is compared with what it stood for.
  const other = { ...body, name: 'Other' };
  const reused = walletSetOperation(alice.organization, idempotencyKey, other);
  expect((await world.fetch(await alice.ask('/v1/wallet-sets', other, reused))).status).toBe(422);

  // A token is made, and reads, from two places at once and again later.
  const asked = { name: 'x', walletSets: ['*'], expires: new Date(world.clockMs + 3_600_000).toISOString() };
  const { body: token } = await world.fetch(
    await alice
      .at(stated.body.head)
      .ask('/v1/tokens', asked, tokenOperation(alice.organization, key(), asked)),
  );
  const shown = eventOf(await alice.get('/v1/wallets'), { authorization: `Bearer ${token.token}` });
  for (const name of ['signature', 'signature-input']) delete shown.multiValueHeaders[name];
  expect((await world.fetch(await alice.get('/v1/tokens'))).status).toBe(200);
  expect((await world.send(shown)).status).toBe(200);
  expect((await world.fetch(await alice.delete(`/v1/tokens/${token.id}`, key()))).status).toBe(200);

  // An invitation whose mail fails first, then goes out, again with another code, is asked with, and ends.
  const { inviting } = world.lead;
  const { mailer } = inviting;
  Object.assign(inviting, { mailer: { send: async () => Promise.reject(new Error('down')) } });
  const who = alice.at(stated.body.head);
  const invitation = await askInvitation(world, who);
  expect((await world.fetch(invitation)).status).toBe(500);
  Object.assign(inviting, { mailer });
  const { body: invited } = await world.fetch(invitation);
  const path = `/v1/invitations/${invited.id}`;
  expect((await world.fetch(await who.post(`${path}/resend`, key(), new Uint8Array()))).status).toBe(201);
  const { text: asking } = await requestOf(world, alice.organization);
  const code = codeIn(world.mails.at(-1)?.text ?? '');
  const joining = await who.post('/v1/invitations/requests', '', { code, request: asking });
  expect((await world.fetch(joining)).status).toBe(201);
  for (const read of ['/v1/invitations', path])
    expect((await world.fetch(await who.get(read))).status).toBe(200);
  expect((await world.fetch(await who.delete(path))).status).toBe(200);

  // A log that nobody integrated for long is integrated by the node itself; then the sequencers come.
  world.clockMs += 61_000;
  const late = await world.fetch(await askSignature(alice, wallet, hello(wallet.blockchain)));
  expect(late.status).toBe(201);
  front.node1 = 'sequencer';
  await exchangeCheckpoints(world.lead.node, world.lead.peer, alice.organization);
  front.node2 = 'sequencer';
  await integrateOwn(world.second, alice.organization);
  front.node2 = 'node2';

  // A webhook from its making to its end; what it is sent goes to nobody.
  const hook = await world.fetch(await alice.post('/v1/webhooks', key(), { url: 'https://example.com/' }));
  const hookPath = `/v1/webhooks/${hook.body.id}`;
  expect((await world.fetch(await alice.post(`${hookPath}/test`, key(), new Uint8Array()))).status).toBe(201);
  const { node, webhooks } = world.lead;
  const courier: Courier = async () => ({ status: 200, durationMs: 1, response: '' });
  const { due, serve } = dispatcherOf({ node, webhooks, courier });
  for (const id of await due()) expect(await serve(id)).toBe(1);
  for (const path of ['/v1/webhooks', hookPath, `${hookPath}/deliveries`])
    expect((await world.fetch(await alice.get(path))).status).toBe(200);
  expect((await world.fetch(await alice.delete(hookPath, key()))).status).toBe(200);

  for (const path of [
    '/v1/organization',
    '/v1/wallet-sets',
    `/v1/wallet-sets/${set.id}`,
    '/v1/wallets',
    `/v1/wallets/${wallets.data[0].id}/address-proof`,
    '/v1/signatures',
    '/v1/policies',
    '/v1/audit/events',
    `/v1/audit/events/${set.auditEventId}/proof`,
    `/v1/idempotency-keys/${idempotencyKey}`,
  ])
    expect((await world.fetch(await alice.get(path))).status).toBe(200);

  for (const program of ['node1', 'node2', 'api', 'sequencer'] as const)
    expect([program, sorted(seen[program])]).toEqual([program, sorted(access[program])]);
});
