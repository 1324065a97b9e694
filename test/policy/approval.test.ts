import { describe, expect, test } from '@jest/globals';
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { toBase64url } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import {
  type Approval,
  type ApprovalContext,
  type Approver,
  approvalBytes,
  approvalMaxLifeSeconds,
  approvalOf,
  parseApproval,
  readApproval,
  readApprovals,
  type SignedApproval,
} from '#shared/policy/approval.ts';
import { tally } from '#shared/policy/quorum.ts';
import { credentialId } from '#shared/registry/statement.ts';

const organization = `org_${'a'.repeat(52)}`;
const operation = new Uint8Array(32).fill(7);
const now = 1_800_000_000;

interface Person {
  readonly id: string;
  readonly approver: Approver;
  readonly sign: (message: Uint8Array) => Uint8Array;
}

function person(seed: number, member: string, curve: 'ed25519' | 'p256' = 'ed25519'): Person {
  const secret = new Uint8Array(32).fill(seed);
  const credential =
    curve === 'ed25519'
      ? ({ algorithm: 'ed25519', publicKey: toBase64url(ed25519.getPublicKey(secret)) } as const)
      : ({
          algorithm: 'ecdsa-p256-sha256',
          publicKey: toBase64url(p256.getPublicKey(secret, false)),
        } as const);
  const sign = (message: Uint8Array) =>
    curve === 'ed25519' ? ed25519.sign(message, secret) : p256.sign(message, secret);
  return { id: credentialId(credential), approver: { credential, member }, sign };
}

const ann = person(1, 'mem_ann');
const ben = person(2, 'mem_ben', 'p256');
const ben2 = person(3, 'mem_ben');
const eve = person(4, 'mem_eve');
const people = new Map([ann, ben, ben2].map((p) => [p.id, p.approver]));

const context: ApprovalContext = {
  organization,
  operation,
  requester: 'mem_req',
  approver: (id) => people.get(id),
  knowsHead: (head) => head === 'head1',
  nowMs: now * 1000,
};

const signed = (by: Person, change: Partial<Approval> = {}, signer = by): SignedApproval => {
  const fields = {
    keyId: `${organization}/${by.id}`,
    registryHead: 'head1',
    nonce: new Uint8Array(16),
    issued: now,
  };
  const approval = { ...approvalOf(operation, 'approve', fields), ...change };
  return { approval, signature: toBase64url(signer.sign(approvalBytes(approval))) };
};

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'accepted';
  } catch (error) {
    if (error instanceof CustodyError) return error.code;
    throw error;
  }
}

describe('an approval', () => {
  test('of either algorithm verifies, says whose it is, and survives its JSON', () => {
    for (const by of [ann, ben]) {
      const given = parseApproval(JSON.parse(JSON.stringify(signed(by))));
      expect(readApproval(given, context)).toEqual({
        credentialId: by.id,
        member: by.approver.member,
        decision: 'approve',
      });
    }
  });

  test('is signed under a tag of its own', () => {
    const { approval } = signed(ann);
    expect(new TextDecoder().decode(approvalBytes(approval))).toMatch(/^planbok\/approval-signature\/v1\0\{/);
  });

  const late = String(now + approvalMaxLifeSeconds + 1);
  test.each<[string, SignedApproval, string, Partial<ApprovalContext>?]>([
    ['by a stranger', signed(eve), 'credential_unknown'],
    [
      'in another organization',
      signed(ann, { keyId: `org_${'b'.repeat(52)}/${ann.id}` }),
      'credential_unknown',
    ],
    ['signed by somebody else', signed(ann, {}, eve), 'signature_invalid'],
    [
      'turned around',
      { ...signed(ann), approval: { ...signed(ann).approval, decision: 'reject' } },
      'signature_invalid',
    ],
    [
      'for another operation',
      signed(ann),
      'authorisation_mismatch',
      { operation: new Uint8Array(32).fill(8) },
    ],
    [
      'after its end',
      signed(ann),
      'authorisation_expired',
      { nowMs: (now + approvalMaxLifeSeconds + 1) * 1000 },
    ],
    ['before its time', signed(ann), 'authorisation_expired', { nowMs: (now - 31) * 1000 }],
    ['for too long', signed(ann, { expires: late }), 'authorisation_expired'],
    ['that ends before it begins', signed(ann, { expires: String(now) }), 'authorisation_expired'],
    ['with an unknown head', signed(ann, { registryHead: 'head2' }), 'registry_behind'],
    ['of their own request', signed(ann), 'policy_denied', { requester: 'mem_ann' }],
    ['of their own request with another credential', signed(ben2), 'policy_denied', { requester: 'mem_ben' }],
  ])('%s is refused', (_, given, code, change = {}) => {
    expect(codeOf(() => readApproval(given, { ...context, ...change }))).toBe(code);
  });

  test('may be read at the last second, and a little early', () => {
    const at = (seconds: number) => ({ ...context, nowMs: seconds * 1000 });
    expect(codeOf(() => readApproval(signed(ann), at(now + approvalMaxLifeSeconds)))).toBe('accepted');
    expect(codeOf(() => readApproval(signed(ann), at(now - 30)))).toBe('accepted');
  });

  test('of another shape is refused', () => {
    const good = signed(ann);
    const wrong: unknown[] = [
      null,
      {},
      { ...good, more: '' },
      { ...good, signature: 'AAAA' },
      { ...good, approval: { ...good.approval, extra: 'x' } },
      { ...good, approval: { ...good.approval, decision: 'maybe' } },
      { ...good, approval: { ...good.approval, issued: now } },
      { ...good, approval: { ...good.approval, issued: `0${now}` } },
      { ...good, approval: { ...good.approval, nonce: 'AA' } },
      { ...good, approval: { ...good.approval, operation: '' } },
      { ...good, approval: { ...good.approval, keyId: ann.id } },
      { ...good, approval: { ...good.approval, type: 'planbok/approval/v2' } },
    ];
    for (const json of wrong) expect(codeOf(() => parseApproval(json))).toBe('request_invalid');
  });

  test('that does not verify is as if it were not there', () => {
    const { voices, refused } = readApprovals([signed(eve), signed(ann), signed(ben, {}, eve)], context);
    expect(voices.map(({ credentialId }) => credentialId)).toEqual([ann.id]);
    expect(refused.map(({ code }) => code)).toEqual(['credential_unknown', 'signature_invalid']);
  });
});

describe('a quorum', () => {
  const quorum = { required: '2', approvers: [ann.id, ben.id, ben2.id] };
  const voice = (by: Person, decision: 'approve' | 'reject' = 'approve') => ({
    credentialId: by.id,
    member: by.approver.member,
    decision,
  });
  test.each([
    ['nobody', [], 'missing', 0],
    ['one', [voice(ann)], 'missing', 1],
    ['one, twice', [voice(ann), voice(ann)], 'missing', 1],
    ['one person with two credentials', [voice(ben), voice(ben2)], 'missing', 1],
    ['two', [voice(ann), voice(ben)], 'reached', 2],
    ['one and somebody who is no approver', [voice(ann), voice(eve)], 'missing', 1],
    ['one no of three', [voice(ann), voice(ann, 'reject')], 'missing', 0],
    ['noes that leave too few', [voice(ben, 'reject'), voice(ben2, 'reject')], 'rejected', 0],
    ['a no that came too late', [voice(ann), voice(ben), voice(eve, 'reject')], 'reached', 2],
  ] as const)('%s', (_, voices, outcome, approved) => {
    expect(tally(quorum, voices)).toEqual({ outcome, approved });
  });
  test('a member who is named approves with any credential', () => {
    const named = { required: '2', approvers: ['mem_ann', 'mem_ben'] };
    expect(tally(named, [voice(ann), voice(ben2)]).outcome).toBe('reached');
    expect(tally(named, [voice(ann), voice(ben2, 'reject')]).outcome).toBe('rejected');
  });
});
