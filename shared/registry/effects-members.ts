/**
 * What statements about members, their credentials and invitations do to the registry.
 * @module
 */
import { CustodyError } from '../errors.ts';
import {
  type Acting,
  assertAllowed,
  assertUnused,
  credentialsOf,
  type Effects,
  enrol,
  existing,
  misfit,
  retire,
  stating,
} from './acting.ts';
import type { Role } from './kinds.ts';
import { credentialAt, entry, type Member, type RegisteredCredential, type Registry } from './registry.ts';
import { assertMayGive, classOf, narrowed, recoveryRule, rightsOfHolder, rightsOfMember } from './roles.ts';
import { credentialId, type Scope } from './statement.ts';

/** The longest life of an invitation. */
const maxInvitationMs = 30 * 86_400_000;

const giving = (role: Role, scopes: readonly Scope[]) =>
  narrowed(rightsOfMember({ role, grants: {} }), scopes);

const withMember = (registry: Registry, id: string, member: Member): Registry => ({
  ...registry,
  members: { ...registry.members, [id]: member },
});

/** The member in another role, without what was granted before. @throws {CustodyError} `grant_refused` */
function inRole(registry: Registry, actor: string, id: string, role: Role): Registry {
  const member = existing(registry.members, id);
  // As wide as any credential of the member is; one that comes later is not wider.
  assertMayGive(registry, actor, giving(role, member.enrolled ?? []));
  return withMember(registry, id, { ...member, role, grants: {} });
}

const newMember = (
  { time }: Acting,
  name: string,
  role: Role,
  emailCommitment: string | undefined,
): Member => ({
  name,
  role,
  grants: {},
  added: time,
  ...(emailCommitment !== undefined && { emailCommitment }),
});

/** The credentials whose end belongs to the one that is withdrawn, without that end. */
function restored(registry: Registry, { from, replaces = [] }: RegisteredCredential): Registry {
  const credentials = { ...registry.credentials };
  for (const id of replaces) {
    const { until, ...rest } = credentials[id] ?? {};
    if (until === from) credentials[id] = rest as RegisteredCredential;
  }
  return { ...registry, credentials };
}

export const memberEffects: Effects<
  | 'member.add'
  | 'member.remove'
  | 'member.role'
  | 'ownership.transfer'
  | 'credential.add'
  | 'credential.revoke'
  | 'invitation.create'
  | 'invitation.revoke'
  | 'invitation.accept'
  | 'recovery.credential'
> = {
  'member.add': (acting, { kind, actor, member, name, role, emailCommitment, credential }) => {
    const { registry, time } = acting;
    assertAllowed(acting, actor, kind, role);
    assertUnused(acting, member);
    const after = withMember(registry, member, newMember(acting, name, role, emailCommitment));
    if (credential === undefined) return after;
    assertMayGive(registry, actor, giving(role, credential.scopes));
    return enrol(acting, after, { ...credential, holder: member, added: time });
  },

  'member.remove': (acting, { kind, actor, member }) => {
    const { registry, time } = acting;
    existing(registry.members, member);
    assertAllowed(acting, actor, kind, { holder: member });
    return retire(registry, [member, ...credentialsOf(registry, member)], time);
  },

  'member.role': (acting, { kind, actor, member, role }) => {
    const { registry } = acting;
    if (existing(registry.members, member).role === role) misfit(`${member} has the role ${role}`);
    assertAllowed(acting, actor, kind, { holder: member }, role);
    return inRole(registry, actor, member, role);
  },

  'ownership.transfer': (acting, { kind, actor, member, role }) => {
    const { registry, time } = acting;
    existing(registry.members, member);
    assertAllowed(acting, actor, kind, { holder: member });
    const after = inRole(registry, actor, member, 'owner');
    const { holder } = stating(registry, actor, time);
    return withMember(after, holder, { ...existing(after.members, holder), role, grants: {} });
  },

  'credential.add': (acting, { kind, actor, member, credential }) => {
    const { registry, time } = acting;
    const { enrolled } = existing(registry.members, member);
    assertAllowed(acting, actor, kind, { holder: member });
    const own = stating(registry, actor, time);
    if (own.holder === member) {
      const more = credential.scopes.find((scope) => !own.scopes.includes(scope));
      if (more) throw new CustodyError('grant_refused', `the credential has no ${more} to pass on`);
    } else {
      if (enrolled) throw new CustodyError('role_missing', 'only the member adds a further credential');
      assertMayGive(registry, actor, narrowed(rightsOfHolder(registry, member), credential.scopes));
    }
    return enrol(acting, registry, { ...credential, holder: member, added: time });
  },

  'credential.revoke': (acting, { kind, actor, credential }) => {
    const { registry, time } = acting;
    const revoked = existing(registry.credentials, credential);
    if (!entry(registry.members, revoked.holder)) misfit('the credentials of API keys go with api_key.*');
    assertAllowed(acting, actor, kind, { holder: revoked.holder });
    const pending = revoked.from !== undefined && revoked.from > time;
    return retire(pending ? restored(registry, revoked) : registry, [credential], time);
  },

  'invitation.create': (acting, statement) => {
    const { registry, time } = acting;
    const { kind, actor, invitation, role, scopes, publicKey, expires, emailCommitment } = statement;
    assertAllowed(acting, actor, kind, role);
    assertUnused(acting, invitation);
    assertMayGive(registry, actor, giving(role, scopes));
    if (expires <= time || Date.parse(expires) > Date.parse(time) + maxInvitationMs)
      misfit('an invitation lives at most 30 days');
    const open = {
      role,
      scopes,
      publicKey,
      expires,
      by: actor,
      ...(emailCommitment !== undefined && { emailCommitment }),
    };
    return { ...registry, invitations: { ...registry.invitations, [invitation]: open } };
  },

  'invitation.revoke': (acting, { kind, actor, invitation }) => {
    const { registry, time } = acting;
    assertAllowed(acting, actor, kind, existing(registry.invitations, invitation).role);
    return retire(registry, [invitation], time);
  },

  'invitation.accept': (acting, { actor, member, name, credential }) => {
    const { registry, time } = acting;
    const { role, scopes, by, emailCommitment } = existing(registry.invitations, actor);
    // It is as good as the credential that made it: a removed member's invitations let nobody in.
    try {
      assertAllowed(acting, by, 'invitation.create', role);
      assertMayGive(registry, by, giving(role, scopes));
    } catch (cause) {
      throw new CustodyError('invitation_unusable', 'who made the invitation may not any more', { cause });
    }
    assertUnused(acting, member);
    const more = credential.scopes.find((scope) => !scopes.includes(scope));
    if (more) throw new CustodyError('grant_refused', `the invitation does not give ${more}`);
    const used = retire(registry, [actor], time);
    const after = withMember(used, member, newMember(acting, name, role, emailCommitment));
    return enrol(acting, after, { ...credential, holder: member, added: time });
  },

  'recovery.credential': (acting, { kind, actor, member, credential }) => {
    const { registry, time, cosignatures, cosigned } = acting;
    const { role, enrolled = [] } = existing(registry.members, member);
    const signers = new Set<string>();
    for (const by of [actor, ...cosignatures.map((one) => one.by)]) {
      assertAllowed(acting, by, kind, role);
      const key = stating(registry, by, time);
      if (by !== actor && !cosigned(key, by))
        throw new CustodyError('signature_invalid', `the cosignature of ${by} does not verify`);
      if (key.holder !== member) signers.add(key.holder);
    }
    // One without a credential cannot be asked.
    const otherOwners = Object.keys(registry.credentials).some((id) => {
      const holder = credentialAt(registry, id, Date.parse(time))?.holder;
      return holder !== undefined && holder !== member && classOf(registry, holder) === 'owner';
    });
    const ownerSigned = [...signers].some((id) => classOf(registry, id) === 'owner');
    if (signers.size < recoveryRule.signers || (role !== 'member' && otherOwners && !ownerSigned))
      throw new CustodyError(
        'cosignatures_missing',
        `it takes ${recoveryRule.signers} other Owners or Admins, an Owner among them for an Owner or Admin`,
      );
    const more = credential.scopes.find((scope) => !enrolled.includes(scope));
    if (more) throw new CustodyError('grant_refused', `no credential of the member ever had ${more}`);
    const current = credentialsOf(registry, member).filter(
      (id) => registry.credentials[id]?.until === undefined,
    );
    if (current.some((id) => (registry.credentials[id]?.from ?? '') > time))
      misfit('a recovery of this member is on its way');
    const hours = ownerSigned ? recoveryRule.hours : recoveryRule.hoursWithoutOwner;
    const from = new Date(Date.parse(time) + hours * 3_600_000).toISOString();
    const ending = current.map((id) => [
      id,
      { ...(registry.credentials[id] as RegisteredCredential), until: from },
    ]);
    const after = { ...registry, credentials: { ...registry.credentials, ...Object.fromEntries(ending) } };
    const recovered = { ...credential, holder: member, added: time, from, replaces: current };
    if (current.includes(credentialId(credential))) misfit('the credential is the lost one');
    return enrol(acting, after, recovered);
  },
};
