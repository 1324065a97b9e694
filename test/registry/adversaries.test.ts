import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fromBase64url, toBase64url } from '../../shared/bytes.ts';
import { canonicalBytes } from '../../shared/intent/canonical.ts';
import { checkLog, draft } from '../../shared/registry/head.ts';
import {
  type Content,
  type Kind,
  kinds,
  type LaterStatement,
  type Role,
} from '../../shared/registry/kinds.ts';
import { reduce, type SignedLater } from '../../shared/registry/reduce.ts';
import { credentialAt, encodeRegistry, type Registry } from '../../shared/registry/registry.ts';
import { may } from '../../shared/registry/roles.ts';
import { credentialId, type Scope, verifyWithCredential } from '../../shared/registry/statement.ts';
import {
  all,
  codeOf,
  credentialOf,
  day,
  fresh,
  hour,
  id,
  iso,
  type Key,
  newKey,
  type Organization,
  organization,
  publicOf,
  signature,
  verify,
} from './log.ts';

const slow = process.env['SLOW'] === '1';
const walletSets = [id('wset'), id('wset')] as const;
/** Where rights are compared: everywhere at once, where something may be granted, and where nothing is. */
const places = [undefined, ...walletSets, id('wset')];
const key = new Map<string, Key>();
const remembered = (one = newKey()): Key => {
  key.set(one.id, one);
  return one;
};

/** Keys are dear to make; one is used by one organization at a time. */
const pool = Array.from({ length: 60 }, () => remembered());

/** Role and rights by the meaning of the words, without the code that is tested. */
function rightsOf(registry: Registry, holder: string): Set<string> {
  const member = registry.members[holder];
  const base = { owner: all, admin: ['view', 'create_wallet', 'sign'], member: ['view'] };
  const map: Record<string, readonly string[]> = member
    ? { '*': base[member.role], ...member.grants }
    : { ...registry.apiKeys[holder]?.scopes };
  const mine = Object.values(registry.credentials).filter((one) => one.holder === holder);
  const wide = member ? new Set(mine.flatMap((one) => one.scopes)) : new Set<string>(all);
  const reader = registry.apiKeys[holder]?.role === 'read';
  return new Set(
    places.flatMap((place) =>
      (map[place ?? '*'] ?? map['*'] ?? [])
        .filter((scope) => wide.has(scope as Scope) && (!reader || scope === 'view'))
        .map((scope) => `${place} ${scope}`),
    ),
  );
}
const rightsOfCredential = (registry: Registry, credential: string, atMs: number) =>
  new Set(
    places.flatMap((place) =>
      all
        .filter((scope) => may(registry, credential, scope, place, atMs))
        .map((scope) => `${place} ${scope}`),
    ),
  );
const holders = ({ members, apiKeys }: Registry) => [...Object.keys(members), ...Object.keys(apiKeys)];
const roleOf = ({ members }: Registry, holder = '') => members[holder]?.role;
const ownersAt = ({ credentials, members }: Registry, ms: number) =>
  Object.values(credentials).filter(
    ({ holder, from, until }) =>
      members[holder]?.role === 'owner' &&
      (from === undefined || Date.parse(from) <= ms) &&
      (until === undefined || ms < Date.parse(until)),
  ).length;

/** What happens next, from random numbers: mostly well-formed, by and on anybody. */
function next(org: Organization, pick: (n: number) => number, spare: () => Key) {
  const { registry, nowMs } = org;
  const one = <T>(list: readonly T[]): T => list[pick(list.length)] as T;
  const some = () => all.filter(() => pick(2) === 0);
  const member = () => one([...Object.keys(registry.members), id('mem')]);
  const apiKey = () => one([...Object.keys(registry.apiKeys), id('apk')]);
  const credential = () => ({ ...publicOf(spare()), scopes: pick(3) === 0 ? some() : all });
  const role = () => one<Role>(['owner', 'admin', 'member']);
  const known = [...Object.keys(registry.credentials), ...Object.keys(registry.retired)].filter((who) =>
    key.has(who),
  );
  const actor = one(known);
  const soon = () => iso(nowMs + pick(3 * day));
  const entityKey = spare().publicKey;
  const guarded = () => {
    const approvers = Object.keys(registry.members).filter(() => pick(3) > 0);
    if (pick(3) === 0 || approvers.length === 0) return '{}';
    const changes = { required: pick(3) === 0 && approvers.length > 1 ? '2' : '1', approvers };
    const policy = { type: 'planbok/policy/v1' as const, rules: [], allow: [], changes };
    return new TextDecoder().decode(canonicalBytes(policy));
  };
  const make: Record<Kind, () => Record<string, unknown>> = {
    'member.add': () => ({
      member: id('mem'),
      name: 'x',
      role: role(),
      ...(pick(3) && { credential: credential() }),
    }),
    'member.remove': () => ({ member: member() }),
    'member.role': () => ({ member: member(), role: role() }),
    'credential.add': () => ({ member: member(), credential: credential() }),
    'credential.revoke': () => ({ credential: one(known) }),
    'invitation.create': () => {
      const once = spare();
      const invitation = id('inv');
      key.set(invitation, once);
      return { invitation, role: role(), scopes: some(), publicKey: once.publicKey, expires: soon() };
    },
    'invitation.revoke': () => ({ invitation: one([...Object.keys(registry.invitations), id('inv')]) }),
    'invitation.accept': () => ({ member: id('mem'), name: 'x', credential: credential() }),
    'api_key.create': () => ({
      apiKey: id('apk'),
      name: 'x',
      role: one(['member', 'member', 'read']),
      credential: publicOf(spare()),
      scopes: Object.fromEntries([...walletSets, '*'].filter(() => pick(2)).map((name) => [name, some()])),
      ...(pick(2) && { expires: soon() }),
    }),
    'api_key.rotate': () => ({ apiKey: apiKey(), credential: publicOf(spare()), overlapUntil: soon() }),
    'api_key.revoke': () => ({ apiKey: apiKey() }),
    'wallet_set.scopes': () => ({
      holder: pick(2) ? member() : apiKey(),
      walletSet: one([...walletSets, '*']),
      scopes: some(),
    }),
    'policy.set': () => ({ walletSet: one([...walletSets, '*']), policy: guarded() }),
    'ownership.transfer': () => ({ member: member(), role: one(['admin', 'member']) }),
    'secret.register': () => ({ entityKey, version: '1' }),
    'secret.rotate': () => ({ entityKey, version: String(Number(registry.secret?.version ?? 1) + 1) }),
    'recovery.credential': () => ({ member: member(), credential: credential() }),
  };
  const kind = one(Object.keys(kinds) as Kind[]);
  const content = { kind, ...make[kind]() } as Content;
  const by = kind === 'invitation.accept' ? one([...Object.keys(registry.invitations), actor]) : actor;
  const isCosigned = kind === 'recovery.credential' || kind === 'policy.set';
  const cosigners = isCosigned ? known.filter(() => pick(3) === 0).slice(0, 4) : [];
  const statement = draft(registry, by, content, { nowMs, nonce: fresh(16) }) as LaterStatement;
  const cosignatures = cosigners.map((who) => ({
    by: who,
    signature: signature(key.get(who) as Key, statement),
  }));
  return { statement, signature: signature(key.get(by) as Key, statement), cosignatures };
}

test('random statements by random actors raise nobody beyond the table, and leave an Owner', () => {
  const accepted: Partial<Record<Kind, number>> = {};
  let refused = 0;
  const run = (numbers: readonly number[]) => {
    let at = 0;
    const pick = (n: number) => (numbers[at++ % numbers.length] ?? 0) % n;
    let spare = 0;
    const org = organization();
    remembered(org.owner);
    for (const role of ['owner', 'admin', 'admin', 'member'] as const) remembered(org.member(role).key);
    const ever = new Map<string, Set<string>>();
    for (let step = 0; step < 40; step++) {
      org.nowMs += 1 + pick(12 * hour);
      const before = org.registry;
      const signed = next(org, pick, () => pool[spare++ % pool.length] as Key);
      const { kind, actor } = signed.statement;
      for (const [, { holder, scopes }] of Object.entries(before.credentials))
        ever.set(holder, new Set([...(ever.get(holder) ?? []), ...scopes]));
      try {
        org.registry = reduce(before, signed, { verify, nowMs: org.nowMs });
      } catch (error) {
        expect(
          codeOf(() => {
            throw error;
          }),
        ).toBeDefined();
        refused++;
        continue;
      }
      accepted[kind] = (accepted[kind] ?? 0) + 1;
      org.log.push(signed);
      const after = org.registry;
      for (const ms of [0, hour, day, 2 * day, 8 * day, 400 * day])
        expect(ownersAt(after, org.nowMs + ms)).toBeGreaterThan(0);
      // Who vouches: the actor, or for an invitation whoever made it.
      const voucher = kind === 'invitation.accept' ? (before.invitations[actor]?.by ?? '') : actor;
      const holder = before.credentials[voucher]?.holder;
      const own = rightsOfCredential(before, voucher, org.nowMs);
      for (const who of holders(after)) {
        const had = rightsOf(before, who);
        const more = [...rightsOf(after, who)].filter((right) => !had.has(right));
        if (kind === 'recovery.credential') {
          // Back to what they had, never to more.
          for (const right of more) expect(ever.get(who)).toContain(right.split(' ')[1]);
          continue;
        }
        for (const right of more) {
          expect([kind, right, own.has(right)]).toEqual([kind, right, true]);
          if (/sign_raw|approve/.test(right) && who !== holder) expect(roleOf(before, holder)).toBe('owner');
        }
        const [was, is] = [roleOf(before, who), roleOf(after, who)];
        if (was !== is && (was === 'owner' || is === 'owner' || is === 'admin'))
          expect([kind, roleOf(before, holder)]).toEqual([kind, 'owner']);
      }
      for (const [who, { role }] of Object.entries(before.members))
        if (!after.members[who] && role !== 'member') expect(roleOf(before, holder)).toBe('owner');
      if (signed.statement.kind === 'policy.set') {
        const { walletSet } = signed.statement;
        const text = before.policies[walletSet] ?? before.policies['*'] ?? '{}';
        const { changes } = JSON.parse(text) as {
          readonly changes?: { readonly required: string; readonly approvers: readonly string[] };
        };
        const people = (signed.cosignatures ?? []).flatMap(({ by }) => {
          const who = before.credentials[by]?.holder ?? '';
          const place = walletSet === '*' ? undefined : walletSet;
          const counts = who !== holder && may(before, by, 'approve', place, org.nowMs);
          return counts && changes?.approvers.includes(who) ? [who] : [];
        });
        expect(new Set(people).size).toBeGreaterThanOrEqual(Number(changes?.required ?? 0));
      }
      if (before.policies !== after.policies || before.secret !== after.secret)
        expect(roleOf(before, holder)).toBe('owner');
      if (kind !== 'invitation.accept') expect(credentialAt(before, actor, org.nowMs)).toBeDefined();
    }
    // The other node, a verifier, and one that stored the state on the way come to the same.
    const text = encodeRegistry(org.registry);
    expect(encodeRegistry(checkLog(org.log, { verify }))).toBe(text);
    expect(encodeRegistry(checkLog(JSON.parse(JSON.stringify(org.log)), { verify }))).toBe(text);
  };
  const numbers = fc.array(fc.nat(1_000_000), { minLength: 500, maxLength: 500 });
  fc.assert(fc.property(numbers, run), { numRuns: slow ? 2_000 : 40 });
  // The walk is worth something only if most kinds come to pass.
  expect(Object.keys(accepted).length).toBeGreaterThan(12);
  expect(refused).toBeGreaterThan(100);
});

test('a guarded policy changes exactly if enough of those it names have signed, and may approve', () => {
  const org = organization();
  const people = [
    { key: org.owner, id: org.ownerId },
    org.member('owner'),
    org.member('owner'),
    org.member('owner', ['view', 'create_wallet', 'sign']),
    org.member('admin'),
    org.member('member'),
  ];
  const [, second, , narrow, admin, member] = people;
  const more = newKey();
  const credential = credentialOf(more);
  org.say(second?.key as Key, { kind: 'credential.add', member: second?.id ?? '', credential });
  const grant = { kind: 'wallet_set.scopes', holder: admin?.id ?? '', walletSet: '*' } as const;
  org.say(org.owner, { ...grant, scopes: ['view', 'approve'] });
  const credentials = [...people, { key: more, id: second?.id ?? '' }];
  const mayNot = [narrow?.id, member?.id];
  const { registry } = org;
  let accepted = 0;
  const property = (named: readonly number[], by: number, signed: readonly number[], required: number) => {
    const approvers = [...new Set(named.map((i) => people[i]?.id ?? ''))];
    const changes = { required: String(Math.min(required, approvers.length)), approvers };
    const policy = { type: 'planbok/policy/v1' as const, rules: [], allow: [], changes };
    const text = new TextDecoder().decode(canonicalBytes(policy));
    org.registry = { ...registry, policies: { '*': text } };
    const maker = people[by] as (typeof people)[number];
    const cosigners = [...new Set(signed)].map((i) => credentials[i]?.key as Key);
    const change = { kind: 'policy.set', walletSet: walletSets[0], policy: '{}' } as const;
    const code = org.refusal(maker.key, change, { cosigners });
    const counted = new Set(
      signed
        .map((i) => credentials[i]?.id ?? '')
        .filter((who) => who !== maker.id && approvers.includes(who) && !mayNot.includes(who)),
    );
    const enough = counted.size >= Number(changes.required);
    expect(code).toBe(enough ? undefined : 'approval_required');
    if (enough) accepted++;
  };
  const index = (most: number) => fc.nat(most);
  const list = (most: number, minLength: number) => fc.array(index(most), { minLength, maxLength: 7 });
  const all4 = [list(5, 1), index(2), list(6, 0), fc.integer({ min: 1, max: 3 })] as const;
  fc.assert(fc.property(...all4, property), { numRuns: slow ? 5_000 : 200 });
  expect(accepted).toBeGreaterThan(20);
});

describe('a log that is tampered with', () => {
  const org = organization();
  const admin = org.member('admin');
  org.member('member');
  org.apiKey({ '*': ['view'] });
  org.say(admin.key, { kind: 'member.add', member: id('mem'), name: 'Mo', role: 'member' });
  org.say(org.owner, { kind: 'policy.set', walletSet: '*', policy: '{}' });
  const { log } = org;
  const later = log.slice(1) as SignedLater[];
  const check = (other: readonly unknown[]) => codeOf(() => checkLog(other as typeof log, { verify }));

  test('replayed, reordered, omitted, from elsewhere: refused', () => {
    expect(check(log)).toBeUndefined();
    for (const [i, signed] of later.entries()) {
      expect(check([...log, signed])).toBe('statement_conflict');
      const omitted = log.filter((one) => one !== signed);
      expect(check(omitted)).toBe(i === later.length - 1 ? undefined : 'statement_conflict');
      const swapped: unknown[] = [...log];
      [swapped[i], swapped[i + 1]] = [swapped[i + 1], swapped[i]];
      expect(check(swapped)).toBe(i === 0 ? 'statement_refused' : 'statement_conflict');
    }
    const known = { head: org.registry.head, seq: org.registry.seq };
    expect(codeOf(() => checkLog(log.slice(0, -1), { verify, known }))).toBe('statement_refused');
    const elsewhere = organization();
    const signed = elsewhere.signed(elsewhere.owner, { kind: 'policy.set', walletSet: '*', policy: '{}' });
    expect(check([...log, signed])).toBe('statement_refused');
    // Two heads of the same number: what stands on the one does not stand on the other.
    const fork = organization();
    const policy = { kind: 'policy.set', walletSet: '*', policy: '{}' } as const;
    const other = fork.signed(fork.owner, policy);
    fork.say(fork.owner, policy);
    fork.say(fork.owner, policy);
    const [founding, , third] = fork.log;
    expect(check(fork.log)).toBeUndefined();
    expect(check([founding, other])).toBeUndefined();
    expect(check([founding, other, third])).toBe('statement_conflict');
    // An Owner's word for another organization, moved here by whoever carries it.
    const here = {
      ...signed.statement,
      organization: org.registry.organization,
      seq: '6',
      previous: org.registry.last,
    };
    expect(check([...log, { ...signed, statement: here }])).toBe('credential_unknown');
    expect(check([])).toBe('statement_refused');
    expect(check(later)).toBe('statement_refused');
  });

  test('forged: no other key, no other text, no flipped bit', () => {
    const content = { kind: 'policy.set', walletSet: '*', policy: '{}' } as const;
    expect(org.refusal(org.owner, content, { as: admin.key })).toBe('signature_invalid');
    expect(org.refusal(newKey(), content)).toBe('credential_unknown');
    const p256 = newKey('ecdsa-p256-sha256');
    const world = organization();
    world.say(world.owner, { kind: 'credential.add', member: world.ownerId, credential: credentialOf(p256) });
    for (const signer of [world.owner, p256]) {
      const good = world.signed(signer, content);
      expect(codeOf(() => reduce(world.registry, good))).toBeUndefined();
      const bytes = fromBase64url(good.signature);
      for (let bit = 0; bit < 512; bit += slow ? 1 : 37) {
        const flipped = bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        const signed = { ...good, signature: toBase64url(flipped) };
        for (const check_ of [verify, verifyWithCredential])
          expect(codeOf(() => reduce(world.registry, signed, { verify: check_ }))).toBe('signature_invalid');
      }
    }
    for (const [i, signed] of later.entries())
      for (const [name, value] of Object.entries(signed.statement)) {
        if (typeof value !== 'string') continue;
        const other = { ...signed, statement: { ...signed.statement, [name]: `${value}x` } };
        expect(check([...log.slice(0, i + 1), other, ...log.slice(i + 2)])).toBeDefined();
      }
  });

  test('a revoked credential says nothing more, whatever time it gives', () => {
    const world = organization();
    const { key: stolen, id: member } = world.member('admin');
    const add = { kind: 'member.add', member: id('mem'), name: 'x', role: 'member' } as const;
    const earlier = world.signed(stolen, add);
    world.say(world.owner, { kind: 'credential.revoke', credential: stolen.id });
    expect(codeOf(() => reduce(world.registry, earlier, { verify }))).toBe('statement_conflict');
    const again = { ...world.signed(stolen, add).statement, created: iso(world.nowMs - 60_000) };
    const signed = { statement: again, signature: signature(stolen, again) };
    expect(codeOf(() => reduce(world.registry, signed, { verify }))).toBe('credential_inactive');
    expect(world.registry.members[member]?.role).toBe('admin');
    expect(credentialId(stolen)).toBe(stolen.id);
  });
});

test('a thousand statements', () => {
  const org = organization();
  for (let i = 0; i < 1_000; i++) {
    if (i % 2) org.member('member', ['view']);
    else org.say(org.owner, { kind: 'policy.set', walletSet: '*', policy: '{}' });
  }
  const timed = (options: object) => {
    const start = performance.now();
    expect(checkLog(org.log, options).head).toBe(org.registry.head);
    return `${Math.round(performance.now() - start)} ms`;
  };
  const text = encodeRegistry(org.registry);
  const lines = [`OpenSSL ${timed({ verify })}`, `noble ${timed({})}`, `state ${text.length} bytes`];
  process.stdout.write(`1,000 statements: ${lines.join(', ')}\n`);
});
