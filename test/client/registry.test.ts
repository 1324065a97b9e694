import { beforeEach, describe, expect, test } from '@jest/globals';
import { credentialOf, requestSigner } from '../../client/credential.ts';
import {
  ed25519Key,
  join,
  type Planbok,
  PlanbokError,
  readInvitation,
  type WalletSet,
} from '../../client/index.ts';
import { toBase64url } from '../../shared/bytes.ts';
import { credentialId } from '../../shared/registry/statement.ts';
import { fresh, household, url } from './world.ts';

let home: Awaited<ReturnType<typeof household>>;
let ada: Planbok;

beforeEach(async () => {
  home = await household();
  ada = home.ada;
});

async function errorOf(run: () => Promise<unknown>): Promise<PlanbokError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof PlanbokError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const publicKeyOf = (key: ReturnType<typeof ed25519Key>) => ({
  algorithm: key.algorithm,
  publicKey: toBase64url(key.publicKey),
});
const newKey = () => ed25519Key(fresh(32));
const countOf = (asked: string) => home.reached.asked.filter((one) => one === asked).length;

async function memberWith(
  role: 'owner' | 'admin' | 'member',
  scopes = ['view', 'create_wallet', 'sign'] as const,
) {
  const key = newKey();
  const added = await ada.members.add({ name: `a ${role}`, role, credential: credentialOf(key, scopes) });
  return { key, id: added.id, client: home.clientOf(key) };
}

async function walletOf(planbok: Planbok): Promise<{ set: WalletSet; wallet: string }> {
  const set = await planbok.walletSets.create({ name: 'Main', keyTypes: ['ed25519'] });
  const { data } = await planbok.wallets.create({ walletSet: set.id, blockchains: ['SOL'] });
  return { set, wallet: data[0]?.id ?? '' };
}
const signWith = (planbok: Planbok, wallet: string) =>
  planbok.signatures.create({ wallet, payload: { kind: 'message', message: 'hello' } });

/** The same answer with something else in it. */
const changed = async (response: Response, change: (body: any) => unknown): Promise<Response> => {
  const body = await response.json();
  return new Response(JSON.stringify(change(body)), { status: response.status });
};

describe('members', () => {
  test('are added, given roles, and removed; whoever fetches the statements computes the same', async () => {
    const bob = await memberWith('member');
    expect((await ada.members.list()).map(({ name, role }) => [name, role])).toEqual([
      ['Ada', 'owner'],
      ['a member', 'member'],
    ]);
    await ada.members.setRole(bob.id, 'admin');
    const [, seen] = await bob.client.members.list();
    expect(seen).toMatchObject({ id: bob.id, role: 'admin', credentials: [{ holder: bob.id }] });
    expect(bob.client.registry.newest()).toEqual(ada.registry.newest());
    await ada.members.remove(bob.id);
    expect((await ada.members.list()).map(({ name }) => name)).toEqual(['Ada']);
    expect((await errorOf(() => bob.client.members.list())).code).toBe('credential_inactive');
  });

  test('what the table does not allow is refused before anything is sent', async () => {
    const bob = await memberWith('member');
    const before = countOf('POST /v1/statements');
    expect((await errorOf(() => bob.client.members.remove(bob.id))).code).toBe('role_missing');
    expect((await errorOf(() => ada.members.remove('mem_none'))).code).toBe('statement_refused');
    expect(countOf('POST /v1/statements')).toBe(before);
  });

  test('a member adds a further credential of their own, and revokes it', async () => {
    const bob = await memberWith('member');
    const phone = newKey();
    await bob.client.credentials.add(bob.id, credentialOf(phone, ['view']));
    expect(await home.clientOf(phone).members.list()).toHaveLength(2);
    await bob.client.credentials.revoke(credentialId(publicKeyOf(phone)));
    expect((await errorOf(() => home.clientOf(phone).members.list())).code).toBe('credential_inactive');
  });
});

describe('an invitation', () => {
  const invite = () => ada.invitations.invite({ role: 'member', scopes: ['view', 'sign'] });

  test('is accepted with a key that the invitee made; the token carries the identities', async () => {
    const { token, id } = await invite();
    const invitation = readInvitation(token);
    expect(invitation).toMatchObject({ invitation: id, organization: home.organization, api: url });
    const key = newKey();
    const { connection } = home;
    const joined = await join(connection, invitation, 'Bob', key);
    expect(joined.keyId).toBe(requestSigner(home.organization, key).keyId);
    const { head, seq } = joined;
    const bob = home.clientOf(key, { known: { head, seq } });
    expect((await bob.members.list()).find((one) => one.id === joined.member)).toMatchObject({
      name: 'Bob',
      role: 'member',
    });
    expect((await errorOf(() => join(connection, invitation, 'Eve', newKey()))).code).toBe(
      'statement_conflict',
    );
    const again = readInvitation(await ada.invitations.renew(token));
    expect((await errorOf(() => join(connection, again, 'Eve', newKey()))).code).toBe('invitation_unusable');
  });

  test('is renewed after other statements, and withdrawn', async () => {
    const { token, id } = await invite();
    await memberWith('admin');
    const late = await errorOf(() => join(home.connection, readInvitation(token), 'Bob', newKey()));
    expect([late.code, late.message]).toEqual(['statement_conflict', expect.stringContaining('renew')]);
    const renewed = readInvitation(await ada.invitations.renew(token));
    expect((await join(home.connection, renewed, 'Bob', newKey())).kind).toBe('invitation.accept');
    const other = await invite();
    await ada.invitations.revoke(other.id);
    const dead = readInvitation(await ada.invitations.renew(other.token));
    expect((await errorOf(() => join(home.connection, dead, 'Eve', newKey()))).code).toBe(
      'invitation_unusable',
    );
    expect((await errorOf(() => ada.invitations.revoke(id))).code).toBe('statement_refused');
  });

  test('a text that is no token is refused without being quoted', async () => {
    for (const text of ['', 'planbok-invitation-c2VjcmV0', 'c2VjcmV0'])
      expect(() => readInvitation(text)).toThrow('not the token of an invitation');
  });
});

describe('API keys', () => {
  test('sign with what they were given, at both nodes, until they are revoked', async () => {
    const { set, wallet } = await walletOf(ada);
    const other = await walletOf(ada);
    const key = newKey();
    const { id } = await ada.apiKeys.create({
      name: 'app',
      role: 'member',
      scopes: { [set.id]: ['view', 'sign'] },
      publicKey: publicKeyOf(key),
      cidrs: ['10.0.0.0/8'],
    });
    expect(await ada.apiKeys.list()).toMatchObject([{ id, name: 'app', cidrs: ['10.0.0.0/8'] }]);
    await ada.apiKeys.revoke(id);
    const app = newKey();
    const { id: unbound } = await ada.apiKeys.create({
      name: 'app',
      role: 'member',
      scopes: { [set.id]: ['view', 'sign'] },
      publicKey: publicKeyOf(app),
    });
    const client = home.clientOf(app);
    expect((await signWith(client, wallet)).state).toBe('completed');
    expect((await errorOf(() => signWith(client, other.wallet))).code).toBe('wallet_not_found');
    await ada.scopes.set(unbound, set.id, ['view']);
    expect((await errorOf(() => signWith(client, wallet))).code).toBe('scope_missing');
    await ada.apiKeys.revoke(unbound);
    expect((await errorOf(() => signWith(client, wallet))).code).toBe('credential_inactive');
  });

  test('are rotated: the new key works, the old one until the overlap ends', async () => {
    const [old, next] = [newKey(), newKey()];
    const asked = { name: 'app', role: 'read', scopes: { '*': ['view'] } } as const;
    const { id } = await ada.apiKeys.create({ ...asked, publicKey: publicKeyOf(old) });
    const until = new Date(home.reached.world.clockMs + 60_000).toISOString();
    await ada.apiKeys.rotate(id, publicKeyOf(next), until);
    expect(await home.clientOf(old).apiKeys.list()).toMatchObject([{ id, role: 'read' }]);
    home.reached.world.clockMs += 61_000;
    expect((await errorOf(() => home.clientOf(old).apiKeys.list())).code).toBe('credential_inactive');
    expect(await home.clientOf(next).apiKeys.list()).toMatchObject([{ id }]);
  });
});

describe('a policy', () => {
  test('is stated in its canonical form, and what is none is not sent', async () => {
    const none = {
      type: 'planbok/policy/v1',
      rules: [{ kind: 'kinds', id: 'k', kinds: ['wish'] }],
      allow: [],
    };
    expect((await errorOf(() => ada.policies.set('*', none))).code).toBe('request_invalid');
    expect(countOf('POST /v1/statements')).toBe(0);
    const rule = { kinds: ['message'], kind: 'kinds', id: 'k' };
    await ada.policies.set('*', { type: 'planbok/policy/v1', rules: [rule], allow: [] });
    const { policies } = await ada.registry.refresh();
    expect(policies['*']).toBe(
      '{"allow":[],"rules":[{"id":"k","kind":"kinds","kinds":["message"]}],"type":"planbok/policy/v1"}',
    );
  });
});

describe('the newest head', () => {
  test('of two who state something at once both are heard: the later one states it again', async () => {
    const admin = await memberWith('admin');
    await admin.client.registry.refresh();
    home.reached.asked.length = 0;
    // Both have fetched the log before either has stated anything.
    const waiting: (() => void)[] = [];
    home.reached.meddle = async (path, init, pass) => {
      if (path !== '/v1/statements' || init.method !== 'POST' || waiting.length >= 2) return pass();
      await new Promise<void>((go) => {
        waiting.push(go);
        if (waiting.length === 2) for (const each of waiting) each();
      });
      return pass();
    };
    await Promise.all([
      ada.members.add({ name: 'one', role: 'member' }),
      admin.client.members.add({ name: 'two', role: 'member' }),
    ]);
    expect(countOf('POST /v1/statements')).toBe(3);
    expect((await ada.members.list()).map(({ name }) => name).sort()).toEqual([
      'Ada',
      'a admin',
      'one',
      'two',
    ]);
  });

  test('whoever loses the right meanwhile is refused, and does not go on', async () => {
    const admin = await memberWith('admin');
    let first = true;
    home.reached.meddle = async (path, init, pass) => {
      if (path === '/v1/statements' && init.method === 'POST' && first) {
        first = false;
        await ada.members.setRole(admin.id, 'member');
      }
      return pass();
    };
    const error = await errorOf(() => admin.client.members.add({ name: 'two', role: 'member' }));
    expect(error.code).toBe('role_missing');
  });

  test('a node that always says that another came first is not asked for ever', async () => {
    home.reached.meddle = async (path, init, pass) => {
      if (path !== '/v1/statements' || init.method !== 'POST') return pass();
      const problem = {
        type: 'about:blank',
        title: 'no',
        status: 409,
        code: 'statement_conflict',
        detail: 'no',
      };
      const document = { ...problem, instance: path, requestId: 'r', retryable: false };
      return new Response(JSON.stringify(document), { status: 409 });
    };
    const error = await errorOf(() => ada.members.add({ name: 'one', role: 'member' }));
    expect(error.code).toBe('statement_conflict');
    expect(countOf('POST /v1/statements')).toBe(6);
  });

  test('is named by every operation: a node that lacks it signs nothing', async () => {
    const { wallet } = await walletOf(ada);
    const heads: string[] = [];
    home.reached.meddle = async (path, init, pass) => {
      if (path.endsWith('/signatures') && init.body instanceof Uint8Array)
        heads.push(JSON.parse(new TextDecoder().decode(init.body)).authorisation.registryHead);
      return pass();
    };
    await signWith(ada, wallet);
    await ada.members.add({ name: 'one', role: 'member' });
    const { head } = ada.registry.newest();
    await signWith(ada, wallet);
    expect(heads).toEqual([home.organization, head]);
  });

  test('a head so old that the nodes forgot it is replaced by the newest, once', async () => {
    const stale = home.clientOf();
    const { wallet } = await walletOf(stale);
    for (let i = 0; i < 33; i++) await ada.members.add({ name: `number ${i}`, role: 'member' });
    home.reached.asked.length = 0;
    expect((await signWith(stale, wallet)).state).toBe('completed');
    expect(stale.registry.newest()).toEqual(ada.registry.newest());
    expect(countOf(`POST /v1/wallets/${wallet}/signatures`)).toBe(2);
  });

  test('a head that nobody knows is not asked with again and again', async () => {
    const { wallet } = await walletOf(ada);
    const known = { head: toBase64url(fresh(32)), seq: '7' };
    home.reached.asked.length = 0;
    const error = await errorOf(() => signWith(home.clientOf(undefined, { known }), wallet));
    expect(error.code).toBe('registry_invalid');
    expect(countOf(`POST /v1/wallets/${wallet}/signatures`)).toBe(1);
  });
});

describe('a server that lies about the log', () => {
  const lying = (change: (page: any) => unknown) => {
    home.reached.meddle = async (path, init, pass) => {
      const response = await pass();
      return path === '/v1/statements' && init.method === 'GET' ? changed(response, change) : response;
    };
  };
  const cut = (page: any) => ({
    ...page,
    data: page.data.slice(0, -1),
    seq: String(Number(page.seq) - 1),
    head: page.data.at(-2) ? page.data.at(-1).statement.previous : page.head,
  });

  test('and withholds a statement that was seen, is found out: by this client and by a later one', async () => {
    const bob = await memberWith('member');
    await ada.members.remove(bob.id);
    const known = ada.registry.newest();
    lying(cut);
    expect((await errorOf(() => home.clientOf(undefined, { known }).members.list())).code).toBe(
      'registry_invalid',
    );
    // Whoever never saw it cannot know.
    expect(await home.clientOf().members.list()).toHaveLength(2);
    lying((page) => ({ ...page, data: [], seq: '1', head: home.organization }));
    expect((await errorOf(() => ada.members.list())).code).toBe('registry_invalid');
  });

  test.each<[string, (page: any) => unknown]>([
    ['names a wrong head', (page) => ({ ...page, head: toBase64url(new Uint8Array(32)) })],
    ['says that there are more than it gives', (page) => ({ ...page, seq: '9' })],
    [
      'drops a statement in the middle',
      (page) => (page.data[2] ? { ...page, data: [page.data[0], page.data[2]] } : page),
    ],
    ['swaps two', (page) => ({ ...page, data: [page.data[0], page.data[2], page.data[1]] })],
    [
      'changes a statement',
      (page) => {
        page.data[1].statement.role = 'owner';
        return page;
      },
    ],
    [
      'changes a signature',
      (page) => {
        page.data[1].signature = page.data[2].signature;
        return page;
      },
    ],
    ['gives nothing', (page) => ({ ...page, data: [], seq: '0', head: home.organization })],
  ])('and %s, is not believed', async (_, change) => {
    await ada.members.add({ name: 'one', role: 'member' });
    await ada.members.add({ name: 'two', role: 'member' });
    lying(change);
    expect((await errorOf(() => home.clientOf().members.list())).code).toBe('registry_invalid');
  });

  test('and gives the log of another organization, is not believed', async () => {
    const other = await household();
    const theirs = await other.ada.registry.refresh();
    const page: any = await new Promise((done, fail) => {
      other.reached.meddle = async (_, __, pass) => {
        const response = await pass();
        done(await response.clone().json());
        return response;
      };
      other.clientOf().registry.refresh().catch(fail);
    });
    lying(() => page);
    const error = await errorOf(() => home.clientOf().members.list());
    expect([error.code, theirs.organization]).toEqual(['registry_invalid', other.organization]);
  });
});

describe('a receipt', () => {
  const answering = (change: (stated: any) => unknown) => {
    home.reached.meddle = async (path, init, pass) => {
      const response = await pass();
      return path === '/v1/statements' && init.method === 'POST' ? changed(response, change) : response;
    };
  };
  const add = () => ada.members.add({ name: 'one', role: 'member' });

  test("is believed only if it is the pinned Node 2's", async () => {
    const other = await household();
    const { node1, node2 } = home.connection.identities;
    const strange = { node1, node2: other.connection.identities.node2 };
    const fooled = home.clientOf(undefined, { identities: strange });
    const swapped = home.clientOf(undefined, { identities: { node1: node2, node2: node1 } });
    for (const client of [fooled, swapped])
      expect((await errorOf(() => client.members.add({ name: 'one', role: 'member' }))).code).toBe(
        'proof_invalid',
      );
  });

  test('of another statement is refused, and the head is not taken over', async () => {
    let kept: any;
    answering((stated) => {
      kept = stated.receipt;
      return stated;
    });
    await add();
    const { seq } = ada.registry.newest();
    answering((stated) => ({ ...stated, receipt: kept }));
    expect((await errorOf(add)).code).toBe('proof_invalid');
    expect(ada.registry.newest().seq).toBe(seq);
  });

  test('with another head in the answer is refused', async () => {
    answering((stated) => ({ ...stated, head: home.organization }));
    expect((await errorOf(add)).code).toBe('result_invalid');
  });

  test('that was lost is asked for again: the statement is the same one', async () => {
    let lost = false;
    home.reached.meddle = async (path, init, pass) => {
      const response = await pass();
      if (path !== '/v1/statements' || init.method !== 'POST' || lost) return response;
      lost = true;
      throw new Error('the line broke');
    };
    expect((await add()).seq).toBe('1');
    expect((await ada.members.list()).map(({ name }) => name)).toEqual(['Ada', 'one']);
  });
});
