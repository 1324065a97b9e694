import { describe, expect, test } from '@jest/globals';
import { CustodyError } from '#shared/errors.ts';
import { canonicalBytes } from '#shared/intent/canonical.ts';
import { parsePolicy, policyDigest } from '#shared/policy/policy.ts';
import { noPolicy, type Policy } from '#shared/policy/rules.ts';

const key = (c: string) => `key_${c.repeat(26)}`;
const token = '0x6B175474E89094C44Da98b954EedeAC495271d0F';
const usdc = 'solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp/token:EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v';

const full: Policy = {
  type: 'planbok/policy/v1',
  rules: [
    { id: 'chains', kind: 'blockchains', blockchains: ['ETH', 'SOL', 'BTC', 'NEAR'] },
    { id: 'kinds', kind: 'kinds', kinds: ['transaction', 'psbt'] },
    {
      id: 'assets',
      kind: 'assets',
      assets: ['eip155:1/slip44:60', `eip155:1/erc20:${token}`, usdc, 'near:mainnet/nep141:wrap.near'],
    },
    {
      id: 'to',
      kind: 'destinations',
      destinations: [
        { blockchain: 'ETH', address: token },
        { blockchain: 'ETH', address: '0x000000000022d473030f116ddee9f6b43ac78ba3' },
        { blockchain: 'BTC', address: 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4' },
        { blockchain: 'BTC', address: 'script:6a01ff' },
        { blockchain: 'SOL', address: 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v' },
        { blockchain: 'NEAR', address: 'shop.near' },
      ],
    },
    { id: 'once', kind: 'amount', asset: 'eip155:1/slip44:60', max: '1000000000000000000' },
    { id: 'day', kind: 'window', asset: 'eip155:1/slip44:60', seconds: '86400', amount: '5', count: '3' },
    { id: 'rate', kind: 'window', asset: '*', seconds: '60', count: '10' },
    {
      id: 'two',
      kind: 'approvals',
      asset: usdc,
      above: '100',
      required: '2',
      approvers: [key('a'), key('b')],
    },
    { id: 'office', kind: 'hours', periods: [{ days: ['mon', 'fri'], from: '09:00', to: '24:00' }] },
  ],
  allow: [
    { allow: 'permit' },
    { allow: 'call', blockchain: 'ETH', contract: token, methods: ['0xd0e30db0'] },
    { allow: 'call', blockchain: 'NEAR', contract: 'wrap.near', methods: ['ft_transfer'] },
    { allow: 'call', blockchain: 'SOL', contract: 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v' },
    { allow: 'typed_data', blockchain: 'ETH', contract: token, primaryType: 'Order' },
  ],
  changes: { required: '1', approvers: [key('a')] },
};

function problems(json: unknown): readonly string[] {
  try {
    parsePolicy(json);
    return [];
  } catch (error) {
    if (!(error instanceof CustodyError)) throw error;
    expect(error.code).toBe('request_invalid');
    return error.problems.map(({ pointer, detail }) => `${pointer}: ${detail}`);
  }
}

type Json = Record<string, unknown>;
const withRule = (rule: Json) => ({ ...noPolicy, rules: [rule] });
const withPermission = (permission: Json) => ({ ...noPolicy, allow: [permission] });

describe('a policy document', () => {
  test('is read as it is, and has one canonical form', () => {
    expect(parsePolicy(JSON.parse(JSON.stringify(full)))).toEqual(full);
    expect(parsePolicy(noPolicy)).toEqual(noPolicy);
    expect(canonicalBytes(full).length).toBeGreaterThan(500);
    expect(policyDigest(full)).toHaveLength(32);
    expect(policyDigest(full)).not.toEqual(policyDigest(noPolicy));
  });

  test.each<[string, unknown, readonly string[]]>([
    ['no object', null, [': must be an object']],
    ['no members', {}, ['/type: is missing', '/rules: is missing', '/allow: is missing']],
    [
      'another version',
      { ...noPolicy, type: 'planbok/policy/v2' },
      ['/type: must be one of: planbok/policy/v1'],
    ],
    ['unknown member', { ...noPolicy, 'a/b': '' }, ['/a~1b: is not a member of this']],
    [
      'unknown rule',
      withRule({ id: 'a', kind: 'geo' }),
      [
        '/rules/0/kind: must be one of: blockchains, kinds, assets, destinations, amount, window, approvals, hours',
      ],
    ],
    [
      'a rule that Object has',
      withRule({ id: 'a', kind: 'constructor' }),
      [
        '/rules/0/kind: must be one of: blockchains, kinds, assets, destinations, amount, window, approvals, hours',
      ],
    ],
    [
      'numbers',
      withRule({ id: 'a', kind: 'amount', asset: 'eip155:1/slip44:60', max: 5 }),
      ['/rules/0/max: must be a decimal string of smallest units'],
    ],
    [
      'negative',
      withRule({ id: 'a', kind: 'amount', asset: 'eip155:1/slip44:60', max: '-5' }),
      ['/rules/0/max: must be a decimal string of smallest units'],
    ],
    [
      'leading zero',
      withRule({ id: 'a', kind: 'amount', asset: 'eip155:1/slip44:60', max: '05' }),
      ['/rules/0/max: must be a decimal string of smallest units'],
    ],
    [
      'rule with a stranger',
      withRule({ id: 'a', kind: 'kinds', kinds: ['psbt'], except: 'x' }),
      ['/rules/0/except: is not a member of this'],
    ],
    [
      'empty list',
      withRule({ id: 'a', kind: 'kinds', kinds: [] }),
      ['/rules/0/kinds: must be a list of 1 to 5'],
    ],
    [
      'twice the same',
      withRule({ id: 'a', kind: 'kinds', kinds: ['psbt', 'psbt'] }),
      ['/rules/0/kinds: must not name an entry twice'],
    ],
    [
      'asset of another coin type',
      withRule({ id: 'a', kind: 'assets', assets: ['eip155:1/slip44:61'] }),
      ['/rules/0/assets/0: must be the CAIP-19 name of an asset, as decoded payloads name it'],
    ],
    [
      'asset with a token id',
      withRule({ id: 'a', kind: 'assets', assets: [`eip155:1/erc721:${token}/1`] }),
      ['/rules/0/assets/0: must be the CAIP-19 name of an asset, as decoded payloads name it'],
    ],
    [
      'asset with a wrong checksum',
      withRule({ id: 'a', kind: 'assets', assets: [`eip155:1/erc20:${token.replace('B', 'b')}`] }),
      ['/rules/0/assets/0: must be the CAIP-19 name of an asset, as decoded payloads name it'],
    ],
    [
      'wrong checksum',
      withRule({
        id: 'a',
        kind: 'destinations',
        destinations: [{ blockchain: 'ETH', address: token.replace('B', 'b') }],
      }),
      ['/rules/0/destinations/0/address: is not an address on ETH'],
    ],
    [
      'another network',
      withRule({
        id: 'a',
        kind: 'destinations',
        destinations: [{ blockchain: 'BTC-REGTEST', address: 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4' }],
      }),
      ['/rules/0/destinations/0/address: is not an address on BTC-REGTEST'],
    ],
    [
      'upper-case bech32',
      withRule({
        id: 'a',
        kind: 'destinations',
        destinations: [{ blockchain: 'BTC', address: 'BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4' }],
      }),
      ['/rules/0/destinations/0/address: is not an address on BTC'],
    ],
    [
      'short key',
      withRule({ id: 'a', kind: 'destinations', destinations: [{ blockchain: 'SOL', address: '1111' }] }),
      ['/rules/0/destinations/0/address: is not an address on SOL'],
    ],
    [
      'window without a limit',
      withRule({ id: 'a', kind: 'window', asset: '*', seconds: '60' }),
      ['/rules/0: must limit amount, count or both'],
    ],
    [
      'amount of everything',
      withRule({ id: 'a', kind: 'window', asset: '*', seconds: '60', amount: '1' }),
      ['/rules/0/amount: needs one asset: all assets together have a count only'],
    ],
    [
      'short window',
      withRule({ id: 'a', kind: 'window', asset: '*', seconds: '59', count: '1' }),
      ['/rules/0/seconds: must be a decimal string from 60 to 31622400'],
    ],
    [
      'more than all',
      withRule({ id: 'a', kind: 'approvals', required: '2', approvers: [key('a')] }),
      ['/rules/0/required: is more than there are approvers'],
    ],
    [
      'nobody required',
      withRule({ id: 'a', kind: 'approvals', required: '0', approvers: [key('a')] }),
      ['/rules/0/required: must be a decimal string from 1 to 50'],
    ],
    [
      'threshold of nothing',
      withRule({ id: 'a', kind: 'approvals', above: '1', required: '1', approvers: [key('a')] }),
      ['/rules/0: asset and above go together'],
    ],
    [
      'over midnight',
      withRule({ id: 'a', kind: 'hours', periods: [{ days: ['mon'], from: '22:00', to: '06:00' }] }),
      ['/rules/0/periods/0/to: must be later than from; a period over midnight is two periods'],
    ],
    [
      'minute 60',
      withRule({ id: 'a', kind: 'hours', periods: [{ days: ['mon'], from: '22:60', to: '23:00' }] }),
      ['/rules/0/periods/0/from: must be HH:MM'],
    ],
    [
      'same id',
      { ...noPolicy, rules: [full.rules[0], { ...full.rules[1], id: 'chains' }] },
      ['/rules/1/id: is the id of another rule'],
    ],
    [
      'unknown permission',
      withPermission({ allow: 'everything' }),
      [
        '/allow/0/allow: must be one of: message, permit, deploy, raw_digest, warning, account, key, unknown_asset, unresolved_account, call, typed_data',
      ],
    ],
    [
      'no selector',
      withPermission({ allow: 'call', blockchain: 'ETH', contract: token, methods: ['transfer'] }),
      ['/allow/0/methods/0: must be a selector: 0x and 8 hex digits'],
    ],
    [
      'method of Solana',
      withPermission({
        allow: 'call',
        blockchain: 'SOL',
        contract: 'EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v',
        methods: ['x'],
      }),
      ['/allow/0/methods: SOL has no method names: leave it out'],
    ],
    [
      'contract of another chain',
      withPermission({ allow: 'call', blockchain: 'NEAR', contract: token }),
      ['/allow/0/contract: is not an address on NEAR'],
    ],
  ])('%s is refused by pointer', (_, json, expected) => {
    expect(problems(json)).toEqual(expected);
  });

  test('too much is refused before it is walked through', () => {
    const kinds = Array.from({ length: 65 }, (_, i) => ({ id: `k${i}`, kind: 'kinds', kinds: ['psbt'] }));
    expect(problems({ ...noPolicy, rules: kinds })).toEqual(['/rules: must be a list of 1 to 64']);
    const windows = Array.from({ length: 17 }, (_, i) => ({
      id: `w${i}`,
      kind: 'window',
      asset: '*',
      seconds: '60',
      count: '1',
    }));
    expect(problems({ ...noPolicy, rules: windows })).toEqual([
      '/rules: has more than 16 rules of kind window',
    ]);
    const wrong = Array.from({ length: 64 }, () => ({ kind: '' }));
    expect(problems({ ...noPolicy, rules: wrong })).toHaveLength(50);
  });
});
