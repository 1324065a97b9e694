import { describe, expect, test } from '@jest/globals';
import { canonicalBytes } from '../../shared/intent/canonical.ts';
import { checkLog, draft, headReceipt, isReceiptFor, rebase } from '../../shared/registry/head.ts';
import { preview, reduce } from '../../shared/registry/reduce.ts';
import {
  credentialAt,
  decodeRegistry,
  encodeRegistry,
  explainCredential,
  found,
  holderName,
  knowsHead,
} from '../../shared/registry/registry.ts';
import { may, rightsOf } from '../../shared/registry/roles.ts';
import {
  all,
  codeOf,
  credentialOf,
  day,
  foundingOf,
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

const set = id('wset');

describe('members', () => {
  test('an Owner adds an Admin, who adds a Member, who sees and does not sign', () => {
    const org = organization();
    const admin = org.member('admin');
    const [key, member] = [newKey('ecdsa-p256-sha256'), id('mem')];
    const add = {
      kind: 'member.add',
      member,
      name: 'Mo',
      role: 'member',
      credential: credentialOf(key),
    } as const;
    org.say(admin.key, add);
    const can = (scope: (typeof all)[number]) => may(org.registry, key.id, scope, set, org.nowMs);
    expect(all.filter(can)).toEqual(['view']);
    expect(holderName(org.registry, member)).toBe('Mo');
    org.say(admin.key, {
      kind: 'wallet_set.scopes',
      holder: member,
      walletSet: set,
      scopes: ['view', 'sign'],
    });
    expect(all.filter(can)).toEqual(['view', 'sign']);
    expect(may(org.registry, key.id, 'sign', id('wset'), org.nowMs)).toBe(false);
    org.say(key, { kind: 'credential.add', member, credential: credentialOf(newKey(), ['view']) });
    org.say(admin.key, { kind: 'member.remove', member });
    expect(explainCredential(org.registry, key.id, org.nowMs)?.code).toBe('credential_inactive');
    expect(org.refusal(key, { kind: 'credential.revoke', credential: key.id })).toBe('credential_inactive');
    // Neither the member nor the key comes back.
    expect(org.refusal(admin.key, { ...add, credential: credentialOf(newKey()) })).toBe('statement_refused');
    expect(org.refusal(admin.key, { ...add, member: id('mem') })).toBe('statement_refused');
  });

  test('a change of role clears what was granted', () => {
    const org = organization();
    const { key, id: member } = org.member('member');
    org.say(org.owner, {
      kind: 'wallet_set.scopes',
      holder: member,
      walletSet: set,
      scopes: ['sign', 'approve'],
    });
    expect(may(org.registry, key.id, 'approve', set, org.nowMs)).toBe(true);
    org.say(org.owner, { kind: 'member.role', member, role: 'admin' });
    expect(rightsOf(org.registry, key.id)).toEqual({ '*': ['view', 'create_wallet', 'sign'] });
    expect(org.refusal(org.owner, { kind: 'member.role', member, role: 'admin' })).toBe('statement_refused');
  });

  test('nobody is raised by one who has less', () => {
    const org = organization(['view', 'create_wallet', 'sign', 'approve']);
    // Their credential lists `sign_raw`, which no role of theirs gives; as an Owner they would have it.
    const { id: wide } = org.member('member');
    const { id: narrow } = org.member('member', ['view', 'create_wallet', 'sign', 'approve']);
    for (const kind of ['member.role', 'ownership.transfer'] as const) {
      const raise = (member: string) =>
        kind === 'member.role'
          ? { kind, member, role: 'owner' as const }
          : { kind, member, role: 'admin' as const };
      expect(org.refusal(org.owner, raise(wide))).toBe('grant_refused');
      expect(org.refusal(org.owner, raise(narrow))).toBeUndefined();
    }
    const admin = org.member('admin', ['view', 'create_wallet', 'sign']);
    const grant = { kind: 'wallet_set.scopes', holder: narrow, walletSet: set } as const;
    for (const walletSet of [set, '*'])
      for (const scopes of [['approve'], ['sign_raw']] as const)
        expect(org.refusal(admin.key, { ...grant, walletSet, scopes })).toBe('grant_refused');
    expect(org.refusal(org.owner, { ...grant, scopes: ['sign_raw'] })).toBe('grant_refused');
    org.say(org.owner, { ...grant, scopes: ['view', 'approve'] });
    // What is there may stay when an Admin adds to it.
    org.say(admin.key, { ...grant, scopes: ['view', 'approve', 'sign'] });
  });

  test('the last Owner stays, and stays able', () => {
    const org = organization();
    const { owner, ownerId } = org;
    expect(org.refusal(owner, { kind: 'member.remove', member: ownerId })).toBe('last_owner');
    expect(org.refusal(owner, { kind: 'member.role', member: ownerId, role: 'admin' })).toBe('last_owner');
    expect(org.refusal(owner, { kind: 'credential.revoke', credential: owner.id })).toBe('last_owner');
    // A second credential that cannot administer does not replace the first.
    org.say(owner, { kind: 'credential.add', member: ownerId, credential: credentialOf(newKey(), ['view']) });
    expect(org.refusal(owner, { kind: 'credential.revoke', credential: owner.id })).toBe('last_owner');
    // Nor does an Owner without a key.
    org.say(owner, { kind: 'member.add', member: id('mem'), name: 'Nemo', role: 'owner' });
    expect(org.refusal(owner, { kind: 'member.remove', member: ownerId })).toBe('last_owner');
    const next = org.member('owner');
    org.say(owner, { kind: 'member.remove', member: ownerId });
    expect(org.refusal(next.key, { kind: 'member.remove', member: next.id })).toBe('last_owner');
  });

  test('ownership is transferred in one step', () => {
    const org = organization();
    const nemo = id('mem');
    org.say(org.owner, { kind: 'member.add', member: nemo, name: 'Nemo', role: 'member' });
    const transfer = { kind: 'ownership.transfer', member: nemo, role: 'admin' } as const;
    expect(org.refusal(org.owner, transfer)).toBe('last_owner');
    const { key, id: member } = org.member('member');
    org.say(org.owner, { ...transfer, member });
    expect([org.registry.members[member]?.role, org.registry.members[org.ownerId]?.role]).toEqual([
      'owner',
      'admin',
    ]);
    expect(org.refusal(org.owner, { ...transfer, member })).toBe('role_missing');
    org.say(key, { kind: 'policy.set', walletSet: '*', policy: '{"a":1}' });
  });

  test('only the member adds a second credential, and none that is wider', () => {
    const org = organization();
    const admin = org.member('admin');
    const member = id('mem');
    org.say(admin.key, { kind: 'member.add', member, name: 'Mo', role: 'member' });
    org.say(org.owner, { kind: 'wallet_set.scopes', holder: member, walletSet: set, scopes: ['approve'] });
    const mine = newKey();
    const first = { kind: 'credential.add', member, credential: credentialOf(mine) } as const;
    // The Admin could keep the key, and has no `approve`.
    expect(org.refusal(admin.key, first)).toBe('grant_refused');
    org.say(admin.key, { ...first, credential: credentialOf(mine, ['view', 'sign']) });
    const second = { ...first, credential: credentialOf(newKey(), ['view']) };
    for (const other of [admin.key, org.owner]) expect(org.refusal(other, second)).toBe('role_missing');
    expect(org.refusal(mine, { ...first, credential: credentialOf(newKey()) })).toBe('grant_refused');
    org.say(mine, second);
    org.say(mine, { kind: 'credential.revoke', credential: mine.id });
    for (const other of [admin.key, org.owner]) expect(org.refusal(other, first)).not.toBeUndefined();
  });

  test('a credential for use only does not administer', () => {
    const org = organization();
    const seeing = newKey();
    org.say(org.owner, {
      kind: 'credential.add',
      member: org.ownerId,
      credential: credentialOf(seeing, ['view', 'sign']),
    });
    expect(org.refusal(seeing, { kind: 'policy.set', walletSet: '*', policy: '{}' })).toBe('role_missing');
    expect(org.refusal(seeing, { kind: 'credential.revoke', credential: org.owner.id })).toBe('last_owner');
    const { id: member } = org.member('member');
    expect(org.refusal(seeing, { kind: 'member.remove', member })).toBe('role_missing');
    expect(org.refusal(seeing, { kind: 'member.role', member, role: 'admin' })).toBe('role_missing');
    org.say(seeing, { kind: 'credential.revoke', credential: seeing.id });
  });
});

describe('invitations', () => {
  const invite = (org: Organization, by = org.owner, role: 'admin' | 'member' = 'member') => {
    const [once, invitation] = [newKey(), id('inv')];
    const expires = iso(org.nowMs + day);
    org.say(by, {
      kind: 'invitation.create',
      invitation,
      role,
      scopes: ['view', 'sign'],
      publicKey: once.publicKey,
      expires,
    });
    return { once, invitation };
  };
  const accept = (key = newKey(), scopes: (typeof all)[number][] = ['view']) =>
    ({
      kind: 'invitation.accept',
      member: id('mem'),
      name: 'Ines',
      credential: credentialOf(key, scopes),
    }) as const;

  test('whoever has its key enrols their own key, once', () => {
    const org = organization();
    const { once, invitation } = invite(org);
    expect(org.refusal(invitation, accept(), { as: newKey() })).toBe('signature_invalid');
    expect(org.refusal(org.owner, accept())).toBe('invitation_unusable');
    expect(org.refusal(invitation, accept(newKey(), ['view', 'approve']), { as: once })).toBe(
      'grant_refused',
    );
    const mine = newKey();
    org.say(invitation, accept(mine), { as: once });
    expect(may(org.registry, mine.id, 'view', undefined, org.nowMs)).toBe(true);
    expect(org.refusal(invitation, accept(), { as: once })).toBe('invitation_unusable');
  });

  test('it ends: in time, withdrawn, and with whoever made it', () => {
    const org = organization();
    const admin = org.member('admin');
    const [over, withdrawn, orphaned] = [invite(org), invite(org), invite(org, admin.key)];
    org.say(admin.key, { kind: 'invitation.revoke', invitation: withdrawn.invitation });
    expect(org.refusal(withdrawn.invitation, accept(), { as: withdrawn.once })).toBe('invitation_unusable');
    org.say(org.owner, { kind: 'member.remove', member: admin.id });
    expect(org.refusal(orphaned.invitation, accept(), { as: orphaned.once })).toBe('invitation_unusable');
    const demoted = org.member('admin');
    const theirs = invite(org, demoted.key);
    org.say(org.owner, { kind: 'member.role', member: demoted.id, role: 'member' });
    expect(org.refusal(theirs.invitation, accept(), { as: theirs.once })).toBe('invitation_unusable');
    org.nowMs += day;
    expect(org.refusal(over.invitation, accept(), { as: over.once })).toBe('invitation_unusable');
    const long = { kind: 'invitation.create', invitation: id('inv'), role: 'member', scopes: [] } as const;
    const { publicKey } = newKey();
    for (const expires of [iso(org.nowMs + 31 * day), iso(org.nowMs)])
      expect(org.refusal(org.owner, { ...long, publicKey, expires })).toBe('statement_refused');
    const third = invite(org, org.owner, 'admin');
    org.say(third.invitation, accept(newKey(), ['view', 'sign']), { as: third.once });
  });
});

describe('API keys', () => {
  test('rotation: both credentials work until the overlap is over; the old one states nothing', () => {
    const org = organization();
    const { key: old, id: apiKey } = org.apiKey({ [set]: ['sign'] });
    const [next, thief] = [newKey(), newKey()];
    const overlapUntil = iso(org.nowMs + hour);
    const rotate = { kind: 'api_key.rotate', apiKey, credential: publicOf(next), overlapUntil } as const;
    org.say(old, rotate);
    const at = (ms: number) => [old, next].map(({ id: one }) => may(org.registry, one, 'sign', set, ms));
    expect(at(Date.parse(overlapUntil) - 1)).toEqual([true, true]);
    expect(at(Date.parse(overlapUntil))).toEqual([false, true]);
    expect(org.refusal(old, { ...rotate, credential: publicOf(thief) })).toBe('credential_inactive');
    // A longer overlap afterwards does not give the old one more time.
    org.say(org.owner, { ...rotate, credential: publicOf(thief), overlapUntil: iso(org.nowMs + 5 * hour) });
    expect(at(Date.parse(overlapUntil))).toEqual([false, true]);
    org.nowMs += 2 * hour;
    org.say(org.owner, { ...rotate, credential: publicOf(newKey()), overlapUntil: iso(org.nowMs + hour) });
    expect(Object.keys(org.registry.credentials)).not.toContain(old.id);
    expect(Object.keys(org.registry.retired)).toContain(old.id);
    expect(org.refusal(org.owner, { ...rotate, credential: publicOf(old) })).toBe('statement_refused');
    const bounds = [iso(org.nowMs - hour), iso(org.nowMs + 31 * day)];
    for (const until of bounds)
      expect(org.refusal(org.owner, { ...rotate, credential: publicOf(newKey()), overlapUntil: until })).toBe(
        'statement_refused',
      );
    org.say(org.owner, { kind: 'api_key.revoke', apiKey });
    expect([old, next, thief].map(({ id: one }) => credentialAt(org.registry, one, org.nowMs))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('expiry, reading only, and scopes per wallet set', () => {
    const org = organization();
    const expires = iso(org.nowMs + day);
    const { key, id: apiKey } = org.apiKey({ '*': ['view'], [set]: ['view', 'sign'] }, { expires });
    const reader = org.apiKey({ '*': ['view', 'sign'] }, { role: 'read' });
    expect(may(org.registry, reader.key.id, 'sign', set, org.nowMs)).toBe(false);
    expect(may(org.registry, reader.key.id, 'view', set, org.nowMs)).toBe(true);
    expect(may(org.registry, key.id, 'sign', set, Date.parse(expires) - 1)).toBe(true);
    expect(may(org.registry, key.id, 'sign', set, Date.parse(expires))).toBe(false);
    expect(may(org.registry, key.id, 'sign', undefined, org.nowMs)).toBe(false);
    org.say(org.owner, { kind: 'wallet_set.scopes', holder: apiKey, walletSet: set, scopes: ['approve'] });
    expect(org.registry.credentials[key.id]?.scopes).toEqual(['view', 'approve']);
    org.nowMs += 2 * day;
    const self = {
      kind: 'api_key.rotate',
      apiKey,
      credential: publicOf(newKey()),
      overlapUntil: iso(org.nowMs),
    } as const;
    expect(org.refusal(key, self)).toBe('credential_inactive');
  });

  test('an Admin gives no more than they have, and takes over no key that may more', () => {
    const org = organization();
    const admin = org.member('admin');
    const strong = org.apiKey({ [set]: ['approve', 'sign_raw'] });
    const create = {
      kind: 'api_key.create',
      apiKey: id('apk'),
      name: 'k',
      role: 'member',
      credential: publicOf(newKey()),
    } as const;
    const rotate = {
      kind: 'api_key.rotate',
      apiKey: strong.id,
      credential: publicOf(newKey()),
      overlapUntil: iso(org.nowMs + hour),
    } as const;
    expect(org.refusal(admin.key, { ...create, scopes: { [set]: ['approve'] } })).toBe('grant_refused');
    expect(org.refusal(admin.key, rotate)).toBe('grant_refused');
    // Given `approve`, the Admin still has it for themselves only, and takes it from nobody.
    org.say(org.owner, { kind: 'wallet_set.scopes', holder: admin.id, walletSet: set, scopes: [...all] });
    expect(may(org.registry, admin.key.id, 'approve', set, org.nowMs)).toBe(true);
    expect(org.refusal(admin.key, { ...create, scopes: { [set]: ['approve'] } })).toBe('grant_refused');
    expect(org.refusal(admin.key, rotate)).toBe('grant_refused');
    expect(
      org.refusal(admin.key, {
        kind: 'wallet_set.scopes',
        holder: strong.id,
        walletSet: set,
        scopes: ['sign'],
      }),
    ).toBe('grant_refused');
    // Shut out of one wallet set, they give nobody a right that reaches into it.
    org.say(org.owner, { kind: 'wallet_set.scopes', holder: admin.id, walletSet: set, scopes: [] });
    expect(org.refusal(admin.key, { ...create, scopes: { '*': ['sign'] } })).toBe('grant_refused');
    org.say(admin.key, { ...create, scopes: { '*': ['sign'], [set]: [] } });
    // An Owner whose credential lacks a scope does not give it either.
    const careful = organization(['view', 'create_wallet', 'sign']);
    expect(careful.refusal(careful.owner, { ...create, scopes: { [set]: ['sign_raw'] } })).toBe(
      'grant_refused',
    );
  });
});

describe('the Organization Secret', () => {
  test('is registered and rotated by who has its keys', () => {
    const org = organization();
    const [first, second] = [newKey(), newKey()];
    const register = { kind: 'secret.register', entityKey: first.publicKey, version: '1' } as const;
    const rotate = { kind: 'secret.rotate', entityKey: second.publicKey, version: '2' } as const;
    expect(org.refusal(org.owner, rotate, { entity: second })).toBe('statement_refused');
    expect(org.refusal(org.owner, register)).toBe('cosignatures_missing');
    expect(org.refusal(org.owner, register, { entity: second })).toBe('cosignatures_missing');
    org.say(org.owner, register, { entity: first });
    expect(org.refusal(org.owner, register, { entity: first })).toBe('statement_refused');
    expect(org.refusal(org.owner, rotate, { entity: second })).toBe('cosignatures_missing');
    expect(org.refusal(org.owner, rotate, { entity: second, previous: second })).toBe('cosignatures_missing');
    expect(org.refusal(org.owner, { ...rotate, version: '3' }, { entity: second, previous: first })).toBe(
      'statement_refused',
    );
    org.say(org.owner, rotate, { entity: second, previous: first });
    expect(org.registry.secret).toEqual({ entityKey: second.publicKey, version: '2' });
  });
});

describe('a policy that guards its own change', () => {
  const text = (changes?: object, more: object = {}) => {
    const policy = { type: 'planbok/policy/v1', rules: [], allow: [], ...more, ...(changes && { changes }) };
    return new TextDecoder().decode(canonicalBytes(policy));
  };
  const change = (policy: string, walletSet = '*') => ({ kind: 'policy.set', walletSet, policy }) as const;

  test('is replaced with the word of those it names, whose it is to approve, and nobody else', () => {
    const org = organization();
    const [bob, carol, admin] = [org.member('owner'), org.member('owner'), org.member('admin')];
    const approvers = [org.ownerId, bob.id, admin.id];
    org.say(org.owner, change(text({ required: '1', approvers })));
    const open = change(text());
    const codeBy = (...cosigners: readonly Key[]) => org.refusal(org.owner, open, { cosigners });
    expect(codeBy()).toBe('approval_required');
    // The maker, one who is not named, one without the scope.
    for (const one of [org.owner, carol.key, admin.key]) expect(codeBy(one)).toBe('approval_required');
    const second = newKey();
    org.say(org.owner, { kind: 'credential.add', member: org.ownerId, credential: credentialOf(second) });
    expect(codeBy(second)).toBe('approval_required');
    // Bob's name, another's signature; and Bob's signature of another statement.
    const forged = org.signed(org.owner, open, { cosigners: [{ ...carol.key, id: bob.key.id }] });
    expect(codeOf(() => reduce(org.registry, forged, { verify }))).toBe('approval_required');
    const { cosignatures = [] } = org.signed(org.owner, open, { cosigners: [bob.key] });
    const moved = { ...org.signed(org.owner, open), cosignatures };
    expect(codeOf(() => reduce(org.registry, moved, { verify }))).toBe('approval_required');
    expect(codeBy(bob.key)).toBeUndefined();
    // Whoever states it does not count, also not as another of those who are named.
    expect(org.refusal(bob.key, open, { cosigners: [bob.key] })).toBe('approval_required');
    expect(org.refusal(bob.key, open, { cosigners: [org.owner] })).toBeUndefined();
    org.say(org.owner, { kind: 'credential.revoke', credential: bob.key.id });
    expect(codeBy(bob.key)).toBe('approval_required');
  });

  test('counts people, and guards what it governs: `*` also a first policy of a wallet set', () => {
    const org = organization();
    const [bob, carol] = [org.member('owner'), org.member('owner')];
    org.say(org.owner, change(text({ required: '2', approvers: [bob.id, carol.id] })));
    const more = newKey();
    org.say(bob.key, { kind: 'credential.add', member: bob.id, credential: credentialOf(more) });
    const own = change(text(), id('wset'));
    expect(org.refusal(org.owner, own, { cosigners: [bob.key, more] })).toBe('approval_required');
    org.say(org.owner, own, { cosigners: [bob.key, carol.key] });
    // Its own policy, which has no guard, governs now.
    org.say(org.owner, own);
    expect(org.refusal(org.owner, change(text()))).toBe('approval_required');
  });

  test('does so also in a version that cannot read its rules, and not by what is no quorum', () => {
    const org = organization();
    const bob = org.member('owner');
    const later = { rules: [{ id: 'x', kind: 'of a later version' }] };
    org.say(org.owner, change(text({ required: '1', approvers: [bob.id] }, later)));
    expect(org.refusal(org.owner, change(text()))).toBe('approval_required');
    org.say(org.owner, change(text({ required: '2', approvers: [bob.id] })), { cosigners: [bob.key] });
    org.say(org.owner, change('"x"'));
    org.say(org.owner, change('null'));
    org.say(org.owner, change(text()));
  });

  test('takes a day at a node, and others ten minutes', () => {
    const org = organization();
    const bob = org.member('owner');
    org.say(org.owner, change(text({ required: '1', approvers: [bob.id] })));
    const signed = org.signed(org.owner, change(text()), { cosigners: [bob.key] });
    const at = (ms: number) => codeOf(() => reduce(org.registry, signed, { verify, nowMs: org.nowMs + ms }));
    expect([at(day), at(day + 1)]).toEqual([undefined, 'statement_refused']);
    const add = org.signed(org.owner, { kind: 'member.add', member: id('mem'), name: 'x', role: 'member' });
    expect(codeOf(() => reduce(org.registry, add, { verify, nowMs: org.nowMs + 600_001 }))).toBe(
      'statement_refused',
    );
  });
});

describe('recovery', () => {
  const recover = (member: string, key = newKey(), scopes = all) =>
    ({ kind: 'recovery.credential', member, credential: credentialOf(key, scopes) }) as const;

  test('two others bring a member back after two days; until then it can be stopped', () => {
    const org = organization();
    const admin = org.member('admin');
    const lost = org.member('member', ['view', 'sign']);
    const mine = newKey();
    const content = recover(lost.id, mine, ['view', 'sign']);
    expect(org.refusal(org.owner, content)).toBe('cosignatures_missing');
    expect(org.refusal(org.owner, content, { cosigners: [org.owner] })).toBe('cosignatures_missing');
    expect(org.refusal(org.owner, content, { cosigners: [lost.key] })).toBe('role_missing');
    expect(org.refusal(org.owner, recover(lost.id), { cosigners: [admin.key] })).toBe('grant_refused');
    const forged = org.signed(org.owner, content, { cosigners: [admin.key] });
    const [{ by = '' } = {}] = forged.cosignatures ?? [];
    const false_ = { ...forged, cosignatures: [{ by, signature: forged.signature }] };
    expect(codeOf(() => reduce(org.registry, false_))).toBe('signature_invalid');
    org.say(org.owner, content, { cosigners: [admin.key] });
    const active = (ms: number) =>
      [lost.key, mine].map((one) => credentialAt(org.registry, one.id, ms) !== undefined);
    expect(active(org.nowMs + 48 * hour - 1)).toEqual([true, false]);
    expect(active(org.nowMs + 48 * hour)).toEqual([false, true]);
    expect(org.refusal(org.owner, recover(lost.id, newKey(), ['view']), { cosigners: [admin.key] })).toBe(
      'statement_refused',
    );
    org.say(lost.key, { kind: 'credential.revoke', credential: mine.id });
    expect(active(org.nowMs + 48 * hour)).toEqual([true, false]);
  });

  test('an Owner comes back by another Owner; the only one by Admins, after a week', () => {
    const org = organization();
    const admins = [org.member('admin'), org.member('admin')] as const;
    const [one, two] = [admins[0].key, admins[1].key];
    const mine = newKey();
    org.say(one, recover(org.ownerId, mine), { cosigners: [two] });
    expect(credentialAt(org.registry, mine.id, org.nowMs + 168 * hour - 1)).toBeUndefined();
    expect(credentialAt(org.registry, mine.id, org.nowMs + 168 * hour)).toBeDefined();
    expect(org.refusal(org.owner, { kind: 'credential.revoke', credential: org.owner.id })).toBe(
      'last_owner',
    );
    org.say(org.owner, { kind: 'credential.revoke', credential: mine.id });
    const other = org.member('owner');
    expect(org.refusal(one, recover(org.ownerId), { cosigners: [two] })).toBe('cosignatures_missing');
    expect(org.refusal(one, recover(admins[1].id), { cosigners: [two] })).toBe('cosignatures_missing');
    org.say(one, recover(org.ownerId, newKey()), { cosigners: [other.key] });
  });
});

describe('the log', () => {
  test('the state has one text, and comes back from it', () => {
    const org = organization();
    org.member('admin');
    org.apiKey({ '*': ['view'] }, { cidrs: ['10.0.0.0/8'] });
    const text = encodeRegistry(org.registry);
    expect(decodeRegistry(text)).toEqual(org.registry);
    expect(encodeRegistry(checkLog(org.log))).toBe(text);
    for (const other of [`${text} `, text.replace('registry/v1', 'registry/v2'), '{}'])
      expect(() => decodeRegistry(other)).toThrow(TypeError);
    const before = encodeRegistry(org.registry);
    preview(
      org.registry,
      org.signed(org.owner, { kind: 'policy.set', walletSet: '*', policy: '{}' }).statement,
    );
    expect(encodeRegistry(org.registry)).toBe(before);
  });

  test('the loser of a race states it again on the new head, or learns that it cannot', () => {
    const org = organization();
    const admin = org.member('admin');
    const add = { kind: 'member.add', member: id('mem'), name: 'Mo', role: 'member' } as const;
    const { statement } = org.signed(admin.key, add);
    org.say(org.owner, { kind: 'policy.set', walletSet: set, policy: '{}' });
    const late = { statement, signature: signature(admin.key, statement) };
    expect(codeOf(() => reduce(org.registry, late))).toBe('statement_conflict');
    const when = { nowMs: org.nowMs, nonce: fresh(16) };
    const again = rebase(org.registry, statement, when);
    expect(again).toMatchObject({ ...add, seq: '3', previous: org.registry.last });
    const after = reduce(org.registry, { statement: again, signature: signature(admin.key, again) });
    expect(after.members[add.member]?.name).toBe('Mo');
    org.say(org.owner, { kind: 'member.remove', member: admin.id });
    expect(codeOf(() => rebase(org.registry, statement, when))).toBe('credential_inactive');
    expect(codeOf(() => rebase(organization().registry, statement, when))).toBe('statement_refused');
  });

  test('heads: the newest are known, and a receipt is for one of them alone', () => {
    const org = organization();
    const first = org.registry;
    expect(first.head).toBe(first.organization);
    for (let i = 0; i < 31; i++)
      org.say(org.owner, { kind: 'policy.set', walletSet: '*', policy: `{"a":${i}}` });
    expect(knowsHead(org.registry, first.head)).toBe(true);
    const known = { head: org.registry.head, seq: org.registry.seq };
    org.say(org.owner, { kind: 'policy.set', walletSet: '*', policy: '{}' });
    expect(knowsHead(org.registry, first.head)).toBe(false);
    const receipt = headReceipt(org.registry, org.nowMs);
    expect(isReceiptFor(receipt, org.registry)).toBe(true);
    expect(isReceiptFor(receipt, first)).toBe(false);
    const { seq: _, ...founding } = headReceipt(first, org.nowMs);
    expect(isReceiptFor(founding, first)).toBe(true);
    expect(checkLog(org.log, { known, verify }).head).toBe(org.registry.head);
    expect(codeOf(() => checkLog(org.log.slice(0, -2), { known, verify }))).toBe('statement_refused');
    expect(codeOf(() => checkLog(org.log, { known: { ...known, seq: '3' }, verify }))).toBe(
      'statement_refused',
    );
  });

  test('times: not older than the log, not of another day at a node, the same when replayed', () => {
    const org = organization();
    org.member('admin');
    const content = { kind: 'policy.set', walletSet: '*', policy: '{}' } as const;
    const at = (created: string, nowMs?: number) => {
      const statement = { ...org.signed(org.owner, content).statement, created };
      const signed = { statement, signature: signature(org.owner, statement) };
      return codeOf(() => reduce(org.registry, signed, nowMs === undefined ? {} : { nowMs }));
    };
    expect(at(iso(org.nowMs - 120_000), org.nowMs)).toBeUndefined();
    expect(at(iso(org.nowMs - 120_001), org.nowMs)).toBe('statement_refused');
    expect(at(iso(org.nowMs + day))).toBeUndefined();
    expect(at(iso(org.nowMs + 30_001), org.nowMs)).toBe('statement_refused');
    expect(at(iso(org.nowMs), org.nowMs + 600_001)).toBe('statement_refused');
    expect(at('2026-01-01T00:00:01Z', org.nowMs)).toBe('statement_refused');
  });

  test('the form of every member is checked', () => {
    const org = organization();
    const good = org.signed(org.owner, {
      kind: 'member.add',
      member: id('mem'),
      name: 'Mo',
      role: 'member',
      credential: credentialOf(newKey()),
    });
    expect(codeOf(() => reduce(org.registry, good))).toBeUndefined();
    const small = { algorithm: 'ed25519', publicKey: `AQ${'A'.repeat(41)}`, scopes: [] };
    const changes: Record<string, unknown>[] = [
      { extra: 'x' },
      { name: '' },
      { name: 'a\u0000' },
      { name: '\ud800' },
      { name: undefined },
      { role: 'root' },
      { member: '__proto__' },
      { member: 'mem_x' },
      { type: 'planbok/statement/v2' },
      { kind: 'member.bless' },
      { kind: 'toString' },
      { seq: 1 },
      { seq: '01' },
      { nonce: 'AA' },
      { credential: { ...credentialOf(newKey()), scopes: ['view', 'view'] } },
      { credential: { ...credentialOf(newKey()), scopes: ['root'] } },
      { credential: { ...credentialOf(newKey()), algorithm: 'ecdsa-p256-sha256' } },
      { credential: { ...credentialOf(newKey()), algorithm: 'rsa' } },
      { credential: small },
      // Of order 4: it would verify what nobody signed.
      { credential: { ...small, publicKey: 'A'.repeat(43) } },
      { credential: null },
      { created: '2026-02-30T00:00:00.000Z' },
    ];
    for (const change of changes) {
      const statement = { ...good.statement, ...change } as any;
      expect([
        change,
        codeOf(() => reduce(org.registry, { ...good, statement }, { verify: () => true })),
      ]).toEqual([change, 'statement_refused']);
    }
    for (const signed of [
      null,
      7,
      {},
      { statement: null },
      { ...good, cosignatures: [{}] },
      { ...good, more: '' },
    ])
      expect(codeOf(() => reduce(org.registry, signed as any))).toBe('statement_refused');
    for (const policy of ['{ }', '{"b":1,"a":1}', 'x', '', `"${'x'.repeat(32_768)}"`])
      expect(org.refusal(org.owner, { kind: 'policy.set', walletSet: '*', policy })).toBe(
        'statement_refused',
      );
    expect(codeOf(() => reduce(org.registry, foundingOf(newKey()) as any))).toBe('statement_refused');
    const founding = foundingOf(newKey());
    expect(codeOf(() => found({ ...founding, signature: 'x' }))).toBe('statement_refused');
    expect(codeOf(() => found({ ...founding, signature: good.signature }))).toBe('signature_invalid');
    expect(codeOf(() => found(good as any))).toBe('statement_refused');
    const next = draft(
      org.registry,
      org.owner.id,
      { kind: 'invitation.revoke', invitation: id('inv') },
      { nowMs: 0, nonce: fresh(16) },
    );
    expect(next.created).toBe(org.registry.time);
  });
});
