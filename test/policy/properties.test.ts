import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Effect, signKinds } from '#shared/chains/intent.ts';
import { decodePayload } from '#shared/chains/payload.ts';
import { decide, type Facts, nothingSpent } from '#shared/policy/decide.ts';
import { parsePolicy } from '#shared/policy/policy.ts';
import { noPolicy, type Permission, type Policy, plainPermissions, type Rule } from '#shared/policy/rules.ts';
import { samples } from '../support/engines/payloads.ts';

const eth = 'eip155:1/slip44:60';
const dai = '0x6B175474E89094C44Da98b954EedeAC495271d0F';
const daiAsset = `eip155:1/erc20:${dai}`;

/** What the decoders make of one payload of every kind. */
const decoded = samples.map(({ payload, wallet }): Facts => {
  const { effects, kind, blockchain } = decodePayload(payload, wallet, { allowRawDigest: true }).intent;
  return { effects, kind, blockchain, atMs: 0, spentInWindow: nothingSpent, approvals: [] };
});
const transaction: Facts = {
  effects: [],
  kind: 'transaction',
  blockchain: 'ETH',
  atMs: 0,
  spentInWindow: nothingSpent,
  approvals: [],
};

const key = (c: string) => `key_${c.repeat(26)}`;
const approvers = [key('a'), key('b')];
const assetNames = [
  eth,
  daiAsset,
  'solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp/slip44:501',
  'near:mainnet/slip44:397',
];
const anAsset = fc.constantFrom(...assetNames);
const limit = fc.oneof(fc.bigInt({ min: 0n, max: 20n }), fc.bigInt({ min: 0n, max: 10n ** 77n })).map(String);
const aRule: fc.Arbitrary<Rule> = fc.oneof(
  fc.constant<Rule>({ id: '', kind: 'blockchains', blockchains: ['ETH', 'SOL'] }),
  fc.subarray([...signKinds], { minLength: 1 }).map((kinds): Rule => ({ id: '', kind: 'kinds', kinds })),
  fc.subarray(assetNames, { minLength: 1 }).map((assets): Rule => ({ id: '', kind: 'assets', assets })),
  fc.constant<Rule>({ id: '', kind: 'destinations', destinations: [{ blockchain: 'ETH', address: dai }] }),
  fc.tuple(anAsset, limit).map(([asset, max]): Rule => ({ id: '', kind: 'amount', asset, max })),
  fc
    .tuple(anAsset, limit)
    .map(
      ([asset, most]): Rule => ({ id: '', kind: 'window', asset, seconds: '60', amount: most, count: '2' }),
    ),
  fc
    .tuple(anAsset, limit)
    .map(([asset, above]): Rule => ({ id: '', kind: 'approvals', asset, above, required: '1', approvers })),
  fc.constant<Rule>({ id: '', kind: 'approvals', required: '2', approvers }),
  fc.constant<Rule>({
    id: '',
    kind: 'hours',
    periods: [{ days: ['mon', 'thu'], from: '00:00', to: '12:00' }],
  }),
);
const rulesOf = (list: readonly Rule[]): readonly Rule[] => list.map((rule, i) => ({ ...rule, id: `r${i}` }));
const everyPermission: readonly Permission[] = [
  ...plainPermissions.map((allow) => ({ allow })),
  { allow: 'call', blockchain: 'NEAR', contract: 'shop.near' },
  { allow: 'typed_data', blockchain: 'ETH' },
];
const aPermission = fc.constantFrom(...everyPermission);
const allow = fc.oneof(fc.constant(everyPermission), fc.subarray([...everyPermission]));
const anEffect = fc.record<Effect>({
  type: fc.constantFrom('transfer', 'approve', 'permit', 'stake', 'fee', 'call', 'note'),
  to: fc.constantFrom(dai, 'shop.near'),
  asset: fc.oneof(anAsset, fc.constant('unknown')),
  amount: fc.oneof(limit, fc.constant('unlimited')),
});
const someFacts = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(...decoded),
      fc.array(anEffect, { maxLength: 4 }).map((effects): Facts => ({ ...transaction, effects })),
    ),
    fc.record({ amount: fc.bigInt({ min: 0n, max: 30n }), count: fc.nat(3) }),
    fc.nat(10 * 86_400_000),
    fc.subarray(approvers),
  )
  .map(
    ([f, before, atMs, names]): Facts => ({
      ...f,
      atMs,
      spentInWindow: () => before,
      approvals: names.map((credentialId) => ({ credentialId, member: credentialId, decision: 'approve' })),
    }),
  );
const rank = { deny: 0, needs_approval: 1, allow: 2 } as const;
const numRuns = process.env['SLOW'] ? 50_000 : 2_000;

describe('every policy', () => {
  test('that is made is a policy document', () => {
    fc.assert(
      fc.property(fc.array(aRule, { maxLength: 5 }), allow, (rules, permissions) => {
        expect(() => parsePolicy({ ...noPolicy, rules: rulesOf(rules), allow: permissions })).not.toThrow();
      }),
      { numRuns: 200 },
    );
  });

  test('allows no more with one more rule, and no less with one more permission', () => {
    const seen = { deny: 0, needs_approval: 0, allow: 0 };
    fc.assert(
      fc.property(
        fc.array(aRule, { maxLength: 3 }),
        aRule,
        allow,
        aPermission,
        someFacts,
        fc.nat(5),
        (rules, rule, permissions, permission, f, at) => {
          const fewer: Policy = { ...noPolicy, rules: rulesOf(rules), allow: permissions };
          const more = { ...fewer, rules: rulesOf([...rules.slice(0, at), rule, ...rules.slice(at)]) };
          const before = decide(fewer, f).outcome;
          seen[before]++;
          expect(rank[decide(more, f).outcome]).toBeLessThanOrEqual(rank[before]);
          if (rules.length > 0 || permissions.length > 0)
            expect(
              rank[decide({ ...fewer, allow: [...permissions, permission] }, f).outcome],
            ).toBeGreaterThanOrEqual(rank[before]);
        },
      ),
      { numRuns },
    );
    for (const n of Object.values(seen)) expect(n).toBeGreaterThan(numRuns / 100);
  });

  test('says the same whatever the order of the effects', () => {
    fc.assert(
      fc.property(
        fc.array(aRule, { maxLength: 5 }),
        allow,
        someFacts,
        fc.infiniteStream(fc.nat()),
        (rules, permissions, f, keys) => {
          const p: Policy = { ...noPolicy, rules: rulesOf(rules), allow: permissions };
          const shuffled = f.effects
            .map((effect) => [keys.next().value ?? 0, effect] as const)
            .sort((a, b) => a[0] - b[0])
            .map(([, effect]) => effect);
          const said = (effects: readonly Effect[]) => {
            const { outcome, reasons, spends } = decide(p, { ...f, effects });
            return {
              outcome,
              spends,
              reasons: reasons.map(({ rule, code, value }) => `${rule} ${code} ${value}`).sort(),
            };
          };
          expect(said(shuffled)).toEqual(said(f.effects));
        },
      ),
      { numRuns },
    );
  });

  test('lets nothing pass that spends more than a limit, in however many effects', () => {
    fc.assert(
      fc.property(
        fc.array(anEffect, { minLength: 1, maxLength: 5 }),
        anAsset,
        limit,
        (effects, asset, max) => {
          const p: Policy = {
            ...noPolicy,
            rules: [{ id: 'a', kind: 'amount', asset, max }],
            allow: [{ allow: 'permit' }, { allow: 'unknown_asset' }],
          };
          const amounts = effects
            .filter((e) => e.asset === asset && e.type !== 'call')
            .map((e) => (e.amount === 'unlimited' ? 10n ** 100n : BigInt(e.amount ?? '0')));
          const tooMuch = amounts.reduce((a, b) => a + b, 0n) > BigInt(max);
          if (tooMuch) expect(decide(p, { ...transaction, effects }).outcome).toBe('deny');
        },
      ),
      { numRuns },
    );
  });
});
