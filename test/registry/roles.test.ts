import { beforeAll, describe, expect, test } from '@jest/globals';
import { inRanges, isCidr } from '../../shared/registry/cidr.ts';
import { draft } from '../../shared/registry/head.ts';
import type { Content, Kind, LaterStatement, Role } from '../../shared/registry/kinds.ts';
import { kinds, roles } from '../../shared/registry/kinds.ts';
import { preview } from '../../shared/registry/reduce.ts';
import {
  explain,
  explainAct,
  may,
  statementTable,
  targets,
  walletSetsWith,
} from '../../shared/registry/roles.ts';
import {
  all,
  codeOf,
  credentialOf,
  day,
  fresh,
  id,
  iso,
  type Key,
  newKey,
  organization,
  publicOf,
} from './log.ts';

const set = id('wset');
type Actor = Role | 'api_key';
type Letter = 'o' | 'a' | 'm' | 'k' | 's' | 'g';
/** Owner, admin, member, API key, the actor itself, the organization. */
const letters: readonly Letter[] = ['o', 'a', 'm', 'k', 's', 'g'];
const roleOf = { o: 'owner', a: 'admin', m: 'member' } as const;

/** Written down a second time, so that a change of the table is a decision. */
const expected: Readonly<
  Record<Exclude<Kind, 'invitation.accept' | 'member.role'>, Partial<Record<Actor, string>>>
> = {
  'member.add': { owner: 'oam', admin: 'm' },
  'member.remove': { owner: 'oams', admin: 'm' },
  'credential.add': { owner: 'oams', admin: 'ms', member: 's' },
  'credential.revoke': { owner: 'oams', admin: 'ms', member: 's' },
  'invitation.create': { owner: 'oam', admin: 'm' },
  'invitation.revoke': { owner: 'oam', admin: 'm' },
  'api_key.create': { owner: 'k', admin: 'k' },
  'api_key.rotate': { owner: 'k', admin: 'k', api_key: 's' },
  'api_key.revoke': { owner: 'k', admin: 'k', api_key: 's' },
  'wallet_set.scopes': { owner: 'amk', admin: 'mk' },
  'policy.set': { owner: 'g' },
  'ownership.transfer': { owner: 'am' },
  'secret.register': { owner: 'g' },
  'secret.rotate': { owner: 'g' },
  'recovery.credential': { owner: 'oams', admin: 'oams' },
};

describe('the table', () => {
  const org = organization();
  const withSecret = organization();
  let actors: Record<Actor, { readonly key: Key; readonly id: string }>;
  let others: Record<'o' | 'a' | 'm' | 'k', { readonly key: Key; readonly id: string }>;
  const keyless = { o: id('mem'), a: id('mem'), m: id('mem') };
  const invited = { o: id('inv'), a: id('inv'), m: id('inv') };
  const cosigners: string[] = [];

  beforeAll(() => {
    const owner = { key: org.owner, id: org.ownerId };
    const keyOf = () => org.apiKey({ '*': ['view', 'sign'] });
    actors = { owner, admin: org.member('admin'), member: org.member('member'), api_key: keyOf() };
    others = { o: org.member('owner'), a: org.member('admin'), m: org.member('member'), k: keyOf() };
    cosigners.push(org.member('owner').key.id, org.member('admin').key.id);
    for (const letter of ['o', 'a', 'm'] as const) {
      const role = roleOf[letter];
      org.say(org.owner, { kind: 'member.add', member: keyless[letter], name: 'x', role });
      const { publicKey } = newKey();
      const expires = iso(org.nowMs + day);
      const invitation = invited[letter];
      org.say(org.owner, {
        kind: 'invitation.create',
        invitation,
        role,
        scopes: ['view'],
        publicKey,
        expires,
      });
    }
    const entity = newKey();
    withSecret.say(
      withSecret.owner,
      { kind: 'secret.register', entityKey: entity.publicKey, version: '1' },
      { entity },
    );
  });

  /** Such a statement on such a target, if there is one. */
  function content(kind: Kind, actor: Actor, target: Letter): Content | undefined {
    const isMember = target === 'o' || target === 'a' || target === 'm';
    const self = target === 's';
    const member = isMember ? others[target].id : actors[actor].id;
    const ofMember = isMember || (self && actor !== 'api_key');
    const credential = credentialOf(newKey(), ['view']);
    const apiKey = target === 'k' ? others.k.id : actors[actor].id;
    const ofKey = target === 'k' || (self && actor === 'api_key');
    const role = isMember ? roleOf[target] : 'member';
    switch (kind) {
      case 'member.add':
        return isMember ? { kind, member: id('mem'), name: 'x', role, credential } : undefined;
      case 'member.remove':
        return ofMember ? { kind, member } : undefined;
      case 'credential.add':
        if (!ofMember) return undefined;
        return { kind, member: isMember ? keyless[target] : member, credential };
      case 'credential.revoke':
        if (!ofMember) return undefined;
        return { kind, credential: isMember ? others[target].key.id : actors[actor].key.id };
      case 'invitation.create': {
        const rest = {
          publicKey: newKey().publicKey,
          expires: iso(org.nowMs + day),
          scopes: ['view'] as const,
        };
        return isMember ? { kind, invitation: id('inv'), role, ...rest } : undefined;
      }
      case 'invitation.revoke':
        return isMember ? { kind, invitation: invited[target] } : undefined;
      case 'api_key.create': {
        const rest = {
          name: 'x',
          role: 'member',
          credential: publicOf(newKey()),
          scopes: { [set]: ['view'] },
        } as const;
        return target === 'k' ? { kind, apiKey: id('apk'), ...rest } : undefined;
      }
      case 'api_key.rotate':
        return ofKey
          ? { kind, apiKey, credential: publicOf(newKey()), overlapUntil: iso(org.nowMs + day) }
          : undefined;
      case 'api_key.revoke':
        return ofKey ? { kind, apiKey } : undefined;
      case 'wallet_set.scopes':
        if (!ofMember && !ofKey) return undefined;
        return { kind, holder: ofKey ? apiKey : member, walletSet: set, scopes: ['view'] };
      case 'policy.set':
        return target === 'g' ? { kind, walletSet: set, policy: '{}' } : undefined;
      case 'ownership.transfer':
        return ofMember ? { kind, member, role: 'admin' } : undefined;
      case 'secret.register':
      case 'secret.rotate': {
        const version = kind === 'secret.register' ? '1' : '2';
        return target === 'g' ? ({ kind, entityKey: newKey().publicKey, version } as Content) : undefined;
      }
      case 'recovery.credential':
        return ofMember ? { kind, member, credential } : undefined;
      case 'member.role':
      case 'invitation.accept':
        return undefined;
    }
  }

  const outcome = (actor: string, what: Content, on = org) => {
    const statement = draft(on.registry, actor, what, {
      nowMs: on.nowMs,
      nonce: fresh(16),
    }) as LaterStatement;
    return codeOf(() =>
      preview(
        on.registry,
        statement,
        what.kind.startsWith('secret.') ? ['entity', 'previous_entity'] : cosigners,
      ),
    );
  };

  test('every kind, by every role, on every role: as written, and nothing else', () => {
    let [allowed, refused] = [0, 0];
    for (const [kind, rows] of Object.entries(expected) as [
      keyof typeof expected,
      Partial<Record<Actor, string>>,
    ][])
      for (const actor of [...roles, 'api_key'] as const)
        for (const target of letters) {
          const what = content(kind, actor, target);
          const may_ = rows[actor]?.includes(target) ?? false;
          if (what === undefined) {
            // Nothing is allowed of which there is none.
            expect([kind, actor, target, may_]).toEqual([kind, actor, target, false]);
            continue;
          }
          const rotating = kind === 'secret.rotate' && actor === 'owner';
          const code = rotating
            ? outcome(withSecret.owner.id, what, withSecret)
            : outcome(actors[actor].key.id, what);
          expect([kind, actor, target, code]).toEqual([
            kind,
            actor,
            target,
            may_ ? undefined : 'role_missing',
          ]);
          may_ ? allowed++ : refused++;
        }
    expect([allowed, refused]).toEqual([57, 100]);
  });

  test('a new role takes the right over the old one and over the new one', () => {
    for (const actor of [...roles, 'api_key'] as const)
      for (const from of ['o', 'a', 'm'] as const)
        for (const role of roles.filter((one) => one !== roleOf[from])) {
          const code = outcome(actors[actor].key.id, { kind: 'member.role', member: others[from].id, role });
          expect([actor, from, role, code]).toEqual([
            actor,
            from,
            role,
            actor === 'owner' ? undefined : 'role_missing',
          ]);
        }
  });

  test('every kind has a rule, and rules name what exists', () => {
    expect(Object.keys(statementTable).sort()).toEqual(Object.keys(kinds).sort());
    expect([...Object.keys(expected), 'invitation.accept', 'member.role'].sort()).toEqual(
      Object.keys(kinds).sort(),
    );
    for (const row of Object.values(statementTable))
      for (const list of Object.values(row)) for (const target of list) expect(targets).toContain(target);
  });
});

test('every scope, by every role, on its own and another wallet set: active, expired, revoked, unknown', () => {
  const org = organization();
  const mine = { owner: org.owner, admin: org.member('admin').key, member: org.member('member').key };
  const expires = iso(org.nowMs + day);
  const granted = org.apiKey({ [set]: ['sign'] }, { expires });
  const signer = org.member('member');
  org.say(org.owner, {
    kind: 'wallet_set.scopes',
    holder: signer.id,
    walletSet: set,
    scopes: ['view', 'sign_raw'],
  });
  const gone = org.member('admin');
  org.say(org.owner, { kind: 'member.remove', member: gone.id });
  const on = (key: { readonly id: string }, walletSet: string | undefined, atMs = org.nowMs) =>
    all.filter((scope) => may(org.registry, key.id, scope, walletSet, atMs));
  const other = id('wset');
  for (const walletSet of [set, other, undefined]) {
    expect(on(mine.owner, walletSet)).toEqual(all);
    expect(on(mine.admin, walletSet)).toEqual(['view', 'create_wallet', 'sign']);
    expect(on(mine.member, walletSet)).toEqual(['view']);
    expect(on(gone.key, walletSet)).toEqual([]);
    expect(on(newKey(), walletSet)).toEqual([]);
    // Nothing is anybody's in another organization.
    for (const key of Object.values(mine))
      expect(may(organization().registry, key.id, 'view', walletSet, org.nowMs)).toBe(false);
  }
  expect([on(granted.key, set), on(granted.key, other), on(granted.key, undefined)]).toEqual([
    ['sign'],
    [],
    [],
  ]);
  expect(on(granted.key, set, Date.parse(expires))).toEqual([]);
  expect([on(signer.key, set), on(signer.key, other)]).toEqual([['view', 'sign_raw'], ['view']]);
  expect(walletSetsWith(org.registry, granted.key.id, 'sign', org.nowMs)).toEqual({
    all: false,
    except: [],
    only: [set],
  });
  expect(walletSetsWith(org.registry, signer.key.id, 'sign', org.nowMs)).toEqual({
    all: false,
    except: [set],
    only: [],
  });
  expect(walletSetsWith(org.registry, signer.key.id, 'view', org.nowMs)).toEqual({
    all: true,
    except: [],
    only: [set],
  });
  expect(walletSetsWith(org.registry, gone.key.id, 'view', org.nowMs).all).toBe(false);

  const why = (key: Key, atMs = org.nowMs) => explain(org.registry, key.id, 'approve', set, atMs)?.code;
  expect([why(mine.owner), why(mine.admin), why(gone.key), why(newKey())]).toEqual([
    undefined,
    'scope_missing',
    'credential_inactive',
    'credential_unknown',
  ]);
  expect(why(granted.key, Date.parse(expires))).toBe('credential_inactive');
  const exports = (key: Key) => explainAct(org.registry, key.id, 'export', org.nowMs)?.code;
  expect([mine.owner, mine.admin, mine.member, granted.key, gone.key].map(exports)).toEqual([
    undefined,
    'role_missing',
    'role_missing',
    'role_missing',
    'credential_inactive',
  ]);
});

test('address ranges', () => {
  for (const cidr of [
    '10.0.0.0/8',
    '0.0.0.0/0',
    '1.2.3.4/32',
    '::/0',
    '2001:db8::/32',
    '::1/128',
    'fe80::1:0/112',
  ])
    expect([cidr, isCidr(cidr)]).toEqual([cidr, true]);
  const not = [
    '10.0.0.1/8',
    '10.0.0.0',
    '10.0.0.0/33',
    '10.0.0/8',
    '010.0.0.0/8',
    '1.2.3.256/32',
    '2001:db8::1/32',
  ];
  for (const cidr of [
    ...not,
    '::/129',
    ':::/0',
    '1::2::3/128',
    '::ffff:1.2.3.4/128',
    'x/8',
    '/0',
    '1:2:3:4:5:6:7/0',
    7,
  ])
    expect([cidr, isCidr(cidr)]).toEqual([cidr, false]);
  const ranges = ['10.0.0.0/8', '192.168.1.4/30', '2001:db8::/33'];
  const inside = [
    '10.255.0.1',
    '192.168.1.7',
    '::ffff:10.0.0.1',
    '::ffff:a00:1',
    '2001:db8:7fff::1',
    '2001:DB8::',
  ];
  const outside = [
    '11.0.0.1',
    '192.168.1.8',
    '2001:db8:8000::',
    '::a00:1',
    'localhost',
    '',
    '10.0.0.01',
    '::ffff:10.0.0',
  ];
  expect(inside.filter((address) => !inRanges(address, ranges))).toEqual([]);
  expect(outside.filter((address) => inRanges(address, ranges))).toEqual([]);
  expect(inRanges('1.2.3.4', ['0.0.0.0/0'])).toBe(true);
  expect(inRanges('1.2.3.4', [])).toBe(false);
});
