import { describe, expect, test } from '@jest/globals';
import type { Effect } from '#shared/chains/intent.ts';
import type { Voice } from '#shared/policy/approval.ts';
import { decide, type Facts, nothingSpent } from '#shared/policy/decide.ts';
import { judgeQuorum, quorumOf } from '#shared/policy/quorum.ts';
import { problemsOf } from '#shared/policy/reasons.ts';
import { noPolicy, type Permission, type Policy, type Rule } from '#shared/policy/rules.ts';
import { reservationsOf } from '#shared/policy/windows.ts';

const eth = 'eip155:1/slip44:60';
const me = '0x1111111111111111111111111111111111111111';
const shop = '0x6B175474E89094C44Da98b954EedeAC495271d0F';
const other = '0x000000000022D473030F116dDEE9F6B43aC78BA3';
const dai = `eip155:1/erc20:${shop}`;
const mint = 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v';
const usdc = `solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp/token:${mint}`;
const key = (c: string) => `key_${c.repeat(26)}`;

const send = (amount = '5', to = shop): Effect => ({ type: 'transfer', from: me, to, asset: eth, amount });
const fee = (amount = '1'): Effect => ({ type: 'fee', from: me, asset: eth, amount });
const token = (amount: string, type: Effect['type'] = 'transfer'): Effect => ({
  type,
  from: me,
  to: other,
  asset: dai,
  amount,
});
const call = (details: Record<string, string> = { selector: '0xd0e30db0' }): Effect => ({
  type: 'call',
  to: shop,
  details,
});
// Friday 2027-01-15T08:00:00Z
const t0 = 1_800_000_000_000;

const facts = (effects: readonly Effect[], change: Partial<Facts> = {}): Facts => ({
  effects,
  kind: 'transaction',
  blockchain: 'ETH',
  atMs: t0,
  spentInWindow: nothingSpent,
  approvals: [],
  ...change,
});
const policy = (rules: readonly Rule[], allow: readonly Permission[] = []): Policy => ({
  ...noPolicy,
  rules,
  allow,
});
const voice = (c: string, decision: Voice['decision'] = 'approve'): Voice => ({
  credentialId: key(c),
  member: `mem_${c}`,
  decision,
});

/** `outcome`, then each reason as `rule code value / limit @ pointer`. */
const told = (p: Policy, f: Facts): readonly string[] => {
  const { outcome, reasons } = decide(p, f);
  return [outcome, ...reasons.map((r) => `${r.rule} ${r.code} ${r.value} / ${r.limit} @ ${r.pointer}`)];
};

const chains: Rule = { id: 'chains', kind: 'blockchains', blockchains: ['ETH', 'BASE'] };
const kinds: Rule = { id: 'kinds', kind: 'kinds', kinds: ['transaction'] };
const assets: Rule = { id: 'assets', kind: 'assets', assets: [eth, dai] };
const to: Rule = {
  id: 'to',
  kind: 'destinations',
  destinations: [
    { blockchain: 'ETH', address: shop.toLowerCase() },
    { blockchain: 'SOL', address: mint },
  ],
};
const once: Rule = { id: 'once', kind: 'amount', asset: eth, max: '10' };
const onceDai: Rule = { id: 'dai', kind: 'amount', asset: dai, max: '10' };
const day: Rule = { id: 'day', kind: 'window', asset: eth, seconds: '86400', amount: '20', count: '3' };
const rate: Rule = { id: 'rate', kind: 'window', asset: '*', seconds: '60', count: '2' };
const two: Rule = {
  id: 'two',
  kind: 'approvals',
  asset: eth,
  above: '10',
  required: '2',
  approvers: [key('a'), key('b'), key('c')],
};
const always: Rule = { id: 'always', kind: 'approvals', required: '1', approvers: [key('a')] };
const office: Rule = {
  id: 'office',
  kind: 'hours',
  periods: [
    { days: ['mon', 'fri'], from: '08:00', to: '17:30' },
    { days: ['sun'], from: '00:00', to: '24:00' },
  ],
};
const loose = [chains];
const spent = (amount: bigint, count: number) => ({ spentInWindow: () => ({ amount, count }) });
const utc = (text: string) => ({ atMs: Date.parse(`${text}Z`) });
const sol = { blockchain: 'SOL', kind: 'transaction' } as const;
const lookup: Effect = {
  type: 'transfer',
  from: 'lookup:x#1',
  to: mint,
  asset: usdc,
  amount: '1',
  details: { unresolved: '1 accounts come from lookup tables' },
};

const table: readonly [string, Policy, Facts, readonly string[]][] = [
  [
    'no policy: anything',
    noPolicy,
    facts([call(), { type: 'raw_digest' }, token('unlimited', 'approve')]),
    ['allow'],
  ],
  ['blockchain on the list', policy([chains]), facts([send(), fee()]), ['allow']],
  [
    'blockchain not on the list',
    policy([chains]),
    facts([], { blockchain: 'ARB' }),
    ['deny', 'chains blockchain_not_allowed ARB / ETH BASE @ /blockchain'],
  ],
  ['kind on the list', policy([kinds]), facts([send()]), ['allow']],
  [
    'kind not on the list',
    policy([kinds]),
    facts([], { kind: 'message' }),
    ['deny', 'kinds kind_not_allowed message / transaction @ /payloadKind'],
  ],
  [
    'asset on the list, in another case',
    policy([assets]),
    facts([{ ...token('1'), asset: dai.toLowerCase() }]),
    ['allow'],
  ],
  [
    'asset not on the list',
    policy([assets]),
    facts([{ ...token('1'), asset: `eip155:1/erc20:${other}` }]),
    ['deny', `assets asset_not_allowed eip155:1/erc20:${other} / 2 assets @ /effects`],
  ],
  ['destination on the list, in another case', policy([to]), facts([send()]), ['allow']],
  [
    'destination not on the list',
    policy([to]),
    facts([fee(), send('5', other)]),
    ['deny', `to destination_not_allowed ${other} / 1 destinations on ETH @ /effects/1/to`],
  ],
  [
    'spender not on the list',
    policy([to]),
    facts([token('1', 'approve')]),
    ['deny', `to destination_not_allowed ${other} / 1 destinations on ETH @ /effects/0/to`],
  ],
  [
    'destination of another chain',
    policy([to]),
    facts([send('5', mint)]),
    ['deny', `to destination_not_allowed ${mint} / 1 destinations on ETH @ /effects/0/to`],
  ],
  [
    'destination in another case where case counts',
    policy([to]),
    facts([{ type: 'transfer', to: mint.toLowerCase(), asset: usdc, amount: '1' }], sol),
    ['deny', `to destination_not_allowed ${mint.toLowerCase()} / 1 destinations on SOL @ /effects/0/to`],
  ],
  [
    'no destination at all',
    policy([to]),
    facts([{ type: 'transfer', asset: eth, amount: '1' }]),
    ['deny', 'to destination_not_allowed unknown / 1 destinations on ETH @ /effects/0/to'],
  ],
  [
    'rent of a token account for somebody else',
    policy([to]),
    facts(
      [
        {
          type: 'account',
          from: 'x',
          to: 'y',
          asset: usdc,
          details: { action: 'create token account', owner: 'z' },
        },
      ],
      sol,
    ),
    ['deny', 'to destination_not_allowed z / 1 destinations on SOL @ /effects/0/to'],
  ],
  [
    'token account of a destination',
    policy([to]),
    facts(
      [
        {
          type: 'account',
          from: 'x',
          to: mint,
          asset: usdc,
          details: { action: 'create token account', owner: 'z' },
        },
      ],
      sol,
    ),
    ['allow'],
  ],
  [
    'lamports of a closed account',
    policy([to], [{ allow: 'account' }]),
    facts([{ type: 'account', to: mint, details: { action: 'close', lamportsTo: 'z' } }], sol),
    ['deny', 'to destination_not_allowed z / 1 destinations on SOL @ /effects/0/to'],
  ],
  ['amount at the limit, with the fee', policy([once]), facts([send('9'), fee('1')]), ['allow']],
  [
    'amount above the limit by the fee',
    policy([once]),
    facts([send('10'), fee('1')]),
    ['deny', 'once amount_exceeded 11 / 10 @ /effects'],
  ],
  [
    'amount of many effects',
    policy([once]),
    facts([send('4'), send('4'), send('4')]),
    ['deny', 'once amount_exceeded 12 / 10 @ /effects'],
  ],
  ['amount of another asset', policy([once]), facts([token('1000')]), ['allow']],
  [
    'approval counts',
    policy([onceDai]),
    facts([token('11', 'approve')]),
    ['deny', 'dai amount_exceeded 11 / 10 @ /effects'],
  ],
  [
    'unlimited approval',
    policy([onceDai]),
    facts([token('unlimited', 'approve')]),
    ['deny', 'dai amount_exceeded unlimited / 10 @ /effects'],
  ],
  [
    'an operator of the contract as NFT',
    policy([onceDai]),
    facts([{ ...token('unlimited', 'approve'), asset: dai.replace('erc20', 'erc721') }]),
    ['deny', 'dai amount_exceeded unlimited / 10 @ /effects'],
  ],
  [
    'an NFT is one, whatever its id',
    policy([{ ...onceDai, asset: dai.replace('erc20', 'erc721'), max: '1' }]),
    facts([{ ...token('7000'), details: { standard: 'erc20 or erc721' } }]),
    ['allow'],
  ],
  [
    'two NFTs are two, also the one with the id 0',
    policy([{ ...onceDai, asset: dai.replace('erc20', 'erc721'), max: '1' }]),
    facts(['0', '7000'].map((id) => ({ ...token(id), details: { standard: 'erc20 or erc721' } }))),
    ['deny', 'dai amount_exceeded 2 / 10 @ /effects'.replace('/ 10', '/ 1')],
  ],
  [
    'an amount that is no number',
    policy([once]),
    facts([send('1e3')]),
    ['deny', 'once amount_exceeded unlimited / 10 @ /effects'],
  ],
  [
    'an amount below zero',
    policy([once]),
    facts([send('-5')]),
    ['deny', 'once amount_exceeded unlimited / 10 @ /effects'],
  ],
  [
    'a transfer without an amount',
    policy([once]),
    facts([{ type: 'transfer', to: shop, asset: eth }]),
    ['deny', 'once amount_exceeded unlimited / 10 @ /effects'],
  ],
  ['window at the limit', policy([day]), facts([send('5')], spent(15n, 2)), ['allow']],
  [
    'window amount',
    policy([day]),
    facts([send('6')], spent(15n, 2)),
    ['deny', 'day window_amount_exceeded 21 / 20 in 86400 s @ /effects'],
  ],
  [
    'window count',
    policy([day]),
    facts([send('1')], spent(15n, 3)),
    ['deny', 'day window_count_exceeded 4 / 3 in 86400 s @ '],
  ],
  [
    'window, both',
    policy([day]),
    facts([send('unlimited')], spent(15n, 3)),
    [
      'deny',
      'day window_amount_exceeded unlimited / 20 in 86400 s @ /effects',
      'day window_count_exceeded 4 / 3 in 86400 s @ ',
    ],
  ],
  ['window of another asset', policy([day]), facts([token('1000')], spent(20n, 3)), ['allow']],
  [
    'window of all operations',
    policy([rate], [{ allow: 'message' }]),
    facts([{ type: 'message' }], { ...spent(0n, 2), kind: 'message' }),
    ['deny', 'rate window_count_exceeded 3 / 2 in 60 s @ '],
  ],
  ['below the threshold', policy([two]), facts([send('10')]), ['allow']],
  [
    'above the threshold',
    policy([two]),
    facts([send('11')]),
    ['needs_approval', 'two approvals_missing 0 / 2 of 3 approvers @ '],
  ],
  [
    'above the threshold, one approval',
    policy([two]),
    facts([send('11')], { approvals: [voice('a'), voice('a')] }),
    ['needs_approval', 'two approvals_missing 1 / 2 of 3 approvers @ '],
  ],
  [
    'above the threshold, enough approvals',
    policy([two]),
    facts([send('11')], { approvals: [voice('a'), voice('c')] }),
    ['allow'],
  ],
  [
    'approvals of others',
    policy([two]),
    facts([send('11')], { approvals: [voice('d'), voice('e')] }),
    ['needs_approval', 'two approvals_missing 0 / 2 of 3 approvers @ '],
  ],
  [
    'rejected',
    policy([two]),
    facts([send('11')], { approvals: [voice('a', 'reject'), voice('b', 'reject')] }),
    ['deny', 'two approvals_rejected 0 / 2 of 3 approvers @ '],
  ],
  [
    'always',
    policy([always]),
    facts([]),
    ['needs_approval', 'always approvals_missing 0 / 1 of 1 approvers @ '],
  ],
  [
    'approvals do not lift a limit',
    policy([always, once]),
    facts([send('11')]),
    ['deny', 'once amount_exceeded 11 / 10 @ /effects'],
  ],
  ['first minute', policy([office]), facts([], utc('2027-01-15T08:00:00')), ['allow']],
  ['last millisecond', policy([office]), facts([], utc('2027-01-15T17:29:59.999')), ['allow']],
  [
    'after hours',
    policy([office]),
    facts([], utc('2027-01-15T17:30:00')),
    ['deny', 'office outside_hours fri 17:30 UTC / mon,fri 08:00-17:30; sun 00:00-24:00 @ '],
  ],
  [
    'another day',
    policy([office]),
    facts([], utc('2027-01-16T12:00:00')),
    ['deny', 'office outside_hours sat 12:00 UTC / mon,fri 08:00-17:30; sun 00:00-24:00 @ '],
  ],
  ['last minute of a whole day', policy([office]), facts([], utc('2027-01-17T23:59:59')), ['allow']],
  [
    'call',
    policy(loose),
    facts([call()]),
    ['deny', `default not_understood call: ${shop} 0xd0e30db0 / needs the permission call @ /effects/0`],
  ],
  [
    'call that is allowed',
    policy(loose, [
      { allow: 'call', blockchain: 'ETH', contract: shop.toLowerCase(), methods: ['0xD0E30DB0'] },
    ]),
    facts([call()]),
    ['allow'],
  ],
  [
    'call of any method',
    policy(loose, [{ allow: 'call', blockchain: 'ETH', contract: shop }]),
    facts([call({ selector: '0x' })]),
    ['allow'],
  ],
  [
    'call of another method',
    policy(loose, [{ allow: 'call', blockchain: 'ETH', contract: shop, methods: ['0x2e1a7d4d'] }]),
    facts([call()]),
    ['deny', `default not_understood call: ${shop} 0xd0e30db0 / needs the permission call @ /effects/0`],
  ],
  [
    'call of another contract',
    policy(loose, [{ allow: 'call', blockchain: 'ETH', contract: other }]),
    facts([call()]),
    ['deny', `default not_understood call: ${shop} 0xd0e30db0 / needs the permission call @ /effects/0`],
  ],
  [
    'call on another chain',
    policy([], [{ allow: 'call', blockchain: 'BASE', contract: shop }]),
    facts([call()]),
    ['deny', `default not_understood call: ${shop} 0xd0e30db0 / needs the permission call @ /effects/0`],
  ],
  [
    'value of a call that is allowed',
    policy([once], [{ allow: 'call', blockchain: 'ETH', contract: shop }]),
    facts([send('11'), call()]),
    ['deny', 'once amount_exceeded 11 / 10 @ /effects'],
  ],
  [
    'deploy',
    policy(loose),
    facts([{ type: 'deploy', from: me, asset: eth, amount: '0' }]),
    ['deny', 'default not_understood deploy:  / needs the permission deploy @ /effects/0'],
  ],
  [
    'value of a deploy that is allowed',
    policy([once], [{ allow: 'deploy' }]),
    facts([{ type: 'deploy', from: me, asset: eth, amount: '11' }]),
    ['deny', 'once amount_exceeded 11 / 10 @ /effects'],
  ],
  [
    'raw digest',
    policy(loose),
    facts([{ type: 'raw_digest' }], { kind: 'raw_digest' }),
    ['deny', 'default not_understood raw_digest:  / needs the permission raw_digest @ /effects/0'],
  ],
  [
    'warning',
    policy(loose),
    facts([{ type: 'warning', details: { reason: 'Odd' } }]),
    ['deny', 'default not_understood warning: Odd / needs the permission warning @ /effects/0'],
  ],
  [
    'message',
    policy(loose),
    facts([{ type: 'message' }], { kind: 'message' }),
    ['deny', 'default not_understood message:  / needs the permission message @ /effects/0'],
  ],
  [
    'unresolved account',
    policy([], [{ allow: 'message' }]),
    facts([lookup], sol),
    [
      'deny',
      'default not_understood transfer: 1 accounts come from lookup tables / needs the permission unresolved_account @ /effects/0',
    ],
  ],
  [
    'unresolved account that is allowed, not as destination',
    policy([to], [{ allow: 'unresolved_account' }]),
    facts([{ ...lookup, to: 'lookup:x#2' }], sol),
    ['deny', 'to destination_not_allowed lookup:x#2 / 1 destinations on SOL @ /effects/0/to'],
  ],
  [
    'unknown token',
    policy([], [{ allow: 'message' }]),
    facts([{ type: 'transfer', to: mint, asset: 'unknown', amount: '1' }], sol),
    ['deny', 'default not_understood transfer: unknown / needs the permission unknown_asset @ /effects/0'],
  ],
  [
    'unknown token that is allowed counts as any',
    policy([{ ...once, asset: usdc }], [{ allow: 'unknown_asset' }]),
    facts([{ type: 'transfer', to: mint, asset: 'unknown', amount: '11' }], sol),
    ['deny', 'once amount_exceeded 11 / 10 @ /effects'],
  ],
  [
    'a kind of effect of later days',
    policy(loose),
    facts([{ type: 'burn' as Effect['type'] }]),
    ['deny', 'default not_understood burn: burn / no permission covers this @ /effects/0'],
  ],
];

describe('a decision', () => {
  test.each(table)('%s', (_, p, f, expected) => {
    expect(told(p, f)).toEqual(expected);
  });

  test('names every rule that says no, and says what is spent', () => {
    const decision = decide(
      policy([chains, once, to, two]),
      facts([send('12', other), fee('3'), token('7'), call()]),
    );
    expect(decision.reasons.map(({ rule }) => rule)).toEqual(['once', 'to', 'to', 'default']);
    expect(decision.spends).toEqual([
      { asset: dai, amount: 7n },
      { asset: eth, amount: 15n },
    ]);
    expect(problemsOf(decision.reasons)[0]).toEqual({
      pointer: '/effects',
      detail: 'amount_exceeded: rule once: 15 (limit: 10)',
    });
  });

  test.each([2n ** 53n, 2n ** 64n - 1n, 2n ** 256n - 1n, 10n ** 77n])('is exact at %s', (n) => {
    const limited = policy([
      { ...once, max: String(n) },
      { ...day, amount: String(n) },
    ]);
    expect(told(limited, facts([send(String(n))]))).toEqual(['allow']);
    expect(decide(limited, facts([send(String(n)), fee('1')])).outcome).toBe('deny');
    expect(decide(limited, facts([fee('1')], spent(n - 1n, 0))).outcome).toBe('allow');
    expect(decide(limited, facts([fee('1')], spent(n, 0))).outcome).toBe('deny');
  });

  test('of the windows says what Node 2 must count', () => {
    const tokenCount: Rule = { id: 'n', kind: 'window', asset: dai, seconds: '60', count: '5' };
    const all = policy([day, rate, tokenCount, { ...day, id: 'usdc', asset: usdc }]);
    expect(reservationsOf(all, facts([send('5'), fee('1'), token('unlimited', 'approve')]))).toEqual([
      { rule: 'day', asset: eth, seconds: 86400, amount: 6n, maxAmount: 20n, maxCount: 3 },
      { rule: 'rate', asset: '*', seconds: 60, amount: 0n, maxCount: 2 },
      { rule: 'n', asset: dai, seconds: 60, amount: 0n, maxCount: 5 },
    ]);
    expect(() => reservationsOf(policy([day]), facts([send('unlimited')]))).toThrow(RangeError);
  });

  test('of a change of the policy', () => {
    const changes = { required: '1', approvers: [key('a')] };
    const codes = (...voices: Parameters<typeof judgeQuorum>[1]) =>
      judgeQuorum(changes, voices).map(({ code }) => code);
    expect(codes()).toEqual(['approvals_missing']);
    expect(codes(voice('b'))).toEqual(['approvals_missing']);
    expect(codes(voice('a'))).toEqual([]);
    expect(codes(voice('a', 'reject'))).toEqual(['approvals_rejected']);
  });

  test('what is a quorum, read by itself', () => {
    const approvers = [key('a'), key('b')];
    expect(quorumOf({ required: '2', approvers })).toEqual({ required: '2', approvers });
    for (const none of [
      undefined,
      null,
      'x',
      {},
      { required: '0', approvers },
      { required: '3', approvers },
      { required: 1, approvers },
      { required: '1', approvers: [] },
      { required: '1', approvers: 'ab' },
      { required: '1', approvers: [1] },
    ])
      expect(quorumOf(none)).toBeUndefined();
  });
});
