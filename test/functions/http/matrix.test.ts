/**
 * Every route, asked by everybody about everything: what the tables say is what happens, over HTTP, at both
 * nodes. Expected answers are computed from the rule of the route and the rights of the role; see samples.ts.
 */
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { RegistryStore } from '../../../functions/stores/registry.ts';
import { type Scope, scopes } from '../../../shared/registry/statement.ts';
import { type Route, type RouteName, routes } from '../../../shared/wire/routes.ts';
import { hurry } from '../../support/hurry.ts';
import { eventOf, type Person, type Reply } from '../../support/two-nodes.ts';
import { absentOf, type Ground, type Home, homeOf, newest, type Principal } from './home.ts';
import { samples } from './samples.ts';

const names = Object.keys(routes) as RouteName[];
const table: Readonly<Record<RouteName, Route>> = routes;
const guarded = names.filter((name) => table[name].scope !== 'public');
/** What only counts with Node 2's word. */
const atNode2 = names.filter(
  (name) =>
    table[name].changes && !samples[name].alone && (table[name].scope !== 'public' || samples[name].allowed),
);

let home: Home;

hurry();

beforeAll(async () => {
  home = await homeOf();
});

const send = async (name: RouteName, who: Person, of: Ground): Promise<Reply> =>
  home.world.fetch(await samples[name].ask(who, await newest(home.world, of), home.world));

const ok = 'ok';
const outcomeOf = ({ status, body }: Reply): string => (status < 300 ? ok : body.code);

/** The outcomes that the tables leave possible. */
function expected(name: RouteName, { rights, ...principal }: Principal, of: Ground): readonly string[] {
  const { scope, on, program } = table[name];
  const { absent = '', allowed, denied = ['scope_missing'] } = samples[name];
  if (allowed) return allowed({ rights, ...principal }) ? [ok] : denied;
  if (scope === 'public') return [ok];
  const has = (list: readonly Scope[] | undefined) => list?.includes(scope) ?? false;
  const somewhere = Object.values(rights).some(has);
  const here = {
    every: has(rights['*']),
    some: somewhere,
    one: has(rights[of.walletSet] ?? rights['*']),
    none: true,
  }[on];
  if (here) return [ok];
  // What may not be seen is answered as what is not there; what may not be done is said to be so.
  return absent !== '' && on === 'one' && somewhere && program === 'api' ? [absent] : denied;
}

test('every route has a sample and a rule; public ones have none, others need a signature', () => {
  expect(Object.keys(samples).sort()).toEqual([...names].sort());
  for (const name of names) {
    const { scope, on, signed } = table[name];
    expect([name, on === 'none']).toEqual([name, scope === 'public']);
    expect([name, scope]).toEqual([
      name,
      scope === 'public' ? scope : expect.stringMatching(scopes.join('|')),
    ]);
    if (scope !== 'public') expect([name, signed]).toEqual([name, true]);
  }
});

describe.each(names)('%s', (name) => {
  test('by every role and every scope, on both wallet sets', async () => {
    const wrong: unknown[] = [];
    for (const principal of home.principals)
      for (const [where, of] of [
        ['own', home.own],
        ['second', home.second],
      ] as const) {
        const reply = await send(name, principal.who, of);
        const want = expected(name, principal, of);
        if (!want.includes(outcomeOf(reply))) wrong.push([principal.name, where, outcomeOf(reply), want]);
        if (reply.status < 300 && reply.status !== table[name].status) wrong.push([name, reply.status]);
      }
    expect(wrong).toEqual([]);
  });

  test('about what another organization has: as if it never was', async () => {
    const theirs = await newest(home.world, home.theirs);
    const absent = absentOf(theirs);
    for (const { who, name: principal } of home.principals) {
      const [one, other] = [await send(name, who, theirs), await send(name, who, absent)];
      expect([principal, textOf(one, theirs)]).toEqual([principal, textOf(other, absent)]);
      if (samples[name].absent) expect([principal, one.status >= 400]).toEqual([principal, true]);
      expect(JSON.stringify(one.body)).not.toContain(`"${theirs.signature}"`);
    }
    const founder = home.principals[0] as Principal;
    const reply = await send(name, founder.who, theirs);
    expect(outcomeOf(reply)).toBe(samples[name].absent ?? ok);
  });
});

/** The whole answer, with names for ids, and without what is another one each time. */
function textOf({ status, headers, body }: Reply, of: Ground): string {
  const { 'x-request-id': _, ratelimit: __, ...stable } = headers;
  const { requestId: ___, time: ____, ...rest } = body;
  const {
    walletSet,
    wallet,
    signature,
    event,
    key,
    approval,
    webhook,
    delivery,
    organization,
    token,
    invitation,
  } = of;
  const named = [
    walletSet,
    wallet.id,
    signature,
    event,
    key,
    approval.id,
    webhook,
    delivery,
    organization,
    token,
    invitation,
  ];
  // What is made anew for every request has its own id and time: only its form is compared.
  const content = status < 300 ? Object.keys(rest).sort() : rest;
  const text = JSON.stringify({ status, stable, content });
  return named.reduce((all, id, i) => all.replaceAll(id, `ID${i}`), text);
}

describe('who is nobody, any more, or not yet known', () => {
  test.each(guarded)('%s', async (name) => {
    const { world, ada, own, mallory } = home;
    const sample = await samples[name].ask(ada, await newest(world, own), world);
    const bare = { ...sample, signature: '', signatureInput: '' };
    expect(outcomeOf(await world.fetch(bare))).toBe('signature_invalid');
    for (const who of [home.revoked, home.expired])
      expect(outcomeOf(await send(name, who, own))).toBe('credential_inactive');
    // A credential of another organization, and one of this organization's that never was.
    const stolen = { ...mallory, keyId: `${own.organization}/${mallory.keyId.split('/')[1]}` };
    const claimed = sample.signatureInput.replace(ada.keyId, stolen.keyId);
    expect(outcomeOf(await world.fetch({ ...sample, signatureInput: claimed }))).toBe('credential_unknown');
    const late = await samples[name].ask(ada, await newest(world, own), world);
    world.clockMs += 61_000;
    expect(outcomeOf(await world.fetch(late))).toBe('authorisation_expired');
  });

  test('whoever states something or founds needs no credential, but the key that is named', async () => {
    const { world, ada, own } = home;
    const strip = async (name: RouteName, who: Person) => {
      const request = await samples[name].ask(who, await newest(world, own), world);
      return outcomeOf(await world.fetch({ ...request, signature: '', signatureInput: '' }));
    };
    expect(await strip('createStatement', ada)).toBe(ok);
    expect(await strip('createStatement', home.revoked)).toBe('credential_inactive');
    expect(await strip('createStatement', home.expired)).toBe('credential_inactive');
    expect(await strip('createOrganization', ada)).toBe('signature_invalid');
  });

  test.each(names.filter((name) => !table[name].signed))('%s takes unsigned requests', async (name) => {
    const { world, ada, own } = home;
    const request = await samples[name].ask(ada, await newest(world, own), world);
    const { headers, ...event } = eventOf({ ...request, signature: '', signatureInput: '' });
    expect(outcomeOf(await world.send({ headers, ...event }))).toBe(ok);
  });
});

describe('a Node 1 that checks nothing gets nothing from Node 2', () => {
  /** As far as Node 1 is concerned, the credential is an Owner's, with all scopes, for ever. */
  const gullible = (registry: RegistryStore, credential: string, publicKey: string): RegistryStore => ({
    ...registry,
    async read(organization) {
      const known = await registry.read(organization);
      const [holder = ''] = Object.keys(known.members);
      const key = { algorithm: 'ed25519', publicKey } as const;
      const own = known.credentials[credential] ?? { ...key, added: known.time };
      const credentials = { ...known.credentials, [credential]: { ...own, holder, scopes } };
      return { ...known, credentials };
    },
  });

  test.each(atNode2)('%s', async (name) => {
    const { world, principals, own, revoked, expired } = home;
    const { registry } = world.lead.node;
    const { wire } = world;
    let asked = 0;
    world.wire = (method, envelope, deliver) => {
      // Looking for statements that it missed is no request of the actor.
      if (method !== 'Statements') asked++;
      return wire(method, envelope, deliver);
    };
    const cases: (readonly [string, Person, readonly string[], string])[] = [
      ...principals.map((p) => [p.name, p.who, expected(name, p, own), ''] as const),
      ['revoked', revoked, ['credential_inactive'], revoked.publicKey],
      ['expired', expired, ['credential_inactive'], expired.publicKey],
    ];
    const wrong: unknown[] = [];
    try {
      for (const [label, who, want, publicKey] of cases) {
        const [, credential = ''] = who.keyId.split('/');
        Object.assign(world.lead.node, { registry: gullible(registry, credential, publicKey) });
        const before = asked;
        const outcome = outcomeOf(await send(name, who, own));
        if (!want.includes(outcome) || asked === before) wrong.push([label, outcome, want, asked - before]);
      }
    } finally {
      Object.assign(world.lead.node, { registry });
      world.wire = wire;
    }
    expect(wrong).toEqual([]);
  });
});
