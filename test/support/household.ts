/**
 * An organization of several Owners with keys at hand: what they state, and what they approve.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { type Bytes, fromHex, toBase32, toBase64url } from '../../shared/bytes.ts';
import { decodePayload, type SignPayload } from '../../shared/chains/payload.ts';
import { signatureOperation } from '../../shared/intent/build.ts';
import { operationDigest } from '../../shared/intent/operation.ts';
import { type Approval, approvalBytes, approvalOf } from '../../shared/policy/approval.ts';
import { draft } from '../../shared/registry/head.ts';
import type { Content } from '../../shared/registry/kinds.ts';
import { credentialId, type Scope, statementBytes } from '../../shared/registry/statement.ts';
import { fresh, type Person, personOf, type World } from './two-nodes.ts';

export interface Member extends Person {
  readonly member: string;
}

export const everything: readonly Scope[] = ['view', 'create_wallet', 'sign', 'sign_raw', 'approve'];
export const idOf = (prefix: string): string => `${prefix}_${toBase32(fresh(16))}`;
export const credentialIdOf = ({ keyId }: Person): string => keyId.split('/')[1] ?? '';

/** Somebody who is registered nowhere yet. */
export function newPerson(world: World, organization: string, scopes = everything) {
  const seed = fresh(32);
  const publicKey = toBase64url(ed25519.getPublicKey(seed));
  const credential = { algorithm: 'ed25519', publicKey, scopes } as const;
  const sign = (message: Bytes) => ed25519.sign(message, seed);
  return { credential, person: personOf(world, organization, credentialId(credential), sign) };
}

/** States something on the newest head of Node 2. */
export async function state(world: World, who: Person, content: Content, cosigners: readonly Person[] = []) {
  const registry = await world.second.registry.read(who.organization);
  const when = { nowMs: world.clockMs, nonce: fresh(16) };
  const statement = draft(registry, credentialIdOf(who), content, when);
  const message = statementBytes(statement);
  const cosignatures = cosigners.map((one) => ({
    by: credentialIdOf(one),
    signature: toBase64url(one.sign(message)),
  }));
  const signature = toBase64url(who.sign(message));
  const body = { statement, signature, ...(cosigners.length > 0 && { cosignatures }) };
  return world.fetch(await who.post('/v1/statements', '', body));
}

/** A member more, with a credential that has these scopes. */
export async function enrol(
  world: World,
  by: Person,
  role: 'owner' | 'admin' | 'member',
  scopes = everything,
): Promise<Member> {
  const { credential, person } = newPerson(world, by.organization, scopes);
  const member = idOf('mem');
  const reply = await state(world, by, { kind: 'member.add', member, name: 'x', role, credential });
  if (reply.status !== 201) throw new Error(JSON.stringify(reply.body));
  return { ...person.at(reply.body.head), member } as Member;
}

export function operationOf(organization: string, wallet: any, payload: SignPayload, key: string) {
  const walletKey = { ...wallet, publicKey: fromHex(wallet.publicKey) };
  const decoded = decodePayload(payload, walletKey, { allowRawDigest: true });
  return signatureOperation(organization, key, wallet, payload, decoded);
}

/** Somebody's word on an operation; `change` makes it another one before it is signed. */
export async function wordOf(
  world: World,
  who: Person,
  operation: ReturnType<typeof operationOf>,
  change: Partial<Approval> = {},
) {
  const { head } = await world.second.registry.read(who.organization);
  const approval = {
    ...approvalOf(operationDigest(operation), 'approve', {
      keyId: who.keyId,
      registryHead: head,
      nonce: fresh(16),
      issued: Math.floor(world.clockMs / 1000),
    }),
    ...change,
  };
  return { approval, signature: toBase64url(who.sign(approvalBytes(approval))) };
}
