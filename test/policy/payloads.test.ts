import { describe, expect, test } from '@jest/globals';
import { base58, base64 } from '@scure/base';
import { concat } from '#shared/bytes.ts';
import { decodePayload } from '#shared/chains/payload.ts';
import { decide, type Facts, nothingSpent } from '#shared/policy/decide.ts';
import { parsePolicy } from '#shared/policy/policy.ts';
import { noPolicy, type Permission, type Policy, type Rule } from '#shared/policy/rules.ts';
import { type Sample, samples } from '../support/engines/payloads.ts';
import { singleKey } from '../support/engines/single-key.ts';

const eth = 'eip155:1/slip44:60';
const dai = '0x6B175474E89094C44Da98b954EedeAC495271d0F';
const daiAsset = `eip155:1/erc20:${dai}`;

const read = ({ payload, wallet }: Sample): Facts => {
  const { intent } = decodePayload(payload, wallet, { allowRawDigest: true });
  const { effects, kind, blockchain } = intent;
  return { effects, kind, blockchain, atMs: 0, spentInWindow: nothingSpent, approvals: [] };
};
const all = new Map(samples.map((sample) => [sample.name, read(sample)]));
const facts = (name: string): Facts => {
  const found = all.get(name);
  if (found === undefined) throw new Error(`no sample ${name}`);
  return found;
};
const evm = (typedData: object): Facts =>
  read({
    name: '',
    wallet: singleKey('ETH').wallet,
    payload: { kind: 'typed_data', blockchain: 'ETH', typedData },
  });

const policy = (rules: readonly Rule[], allow: readonly Permission[] = []): Policy =>
  parsePolicy({ ...noPolicy, rules, allow });
const anyKind: Rule = {
  id: 'any',
  kind: 'kinds',
  kinds: ['message', 'typed_data', 'transaction', 'psbt', 'raw_digest'],
};
const amount = (asset: string, max: string): Rule => ({ id: 'amount', kind: 'amount', asset, max });
const codes = (p: Policy, f: Facts) => {
  const { outcome, reasons } = decide(p, f);
  return [outcome, ...reasons.map(({ code, limit }) => (code === 'not_understood' ? limit : code))];
};

describe('decoded payloads', () => {
  test.each<[string, readonly string[]]>([
    ['evm transfer', ['allow']],
    ['evm approve', ['allow']],
    ['evm legacy', ['allow']],
    ['evm message', ['deny', 'needs the permission message']],
    ['evm bytes', ['deny', 'needs the permission message']],
    ['evm typed data', ['deny', 'needs the permission permit', 'needs the permission typed_data']],
    ['evm digest', ['deny', 'needs the permission raw_digest']],
    ['solana legacy', ['allow']],
    ['solana v0', ['allow']],
    ['solana text', ['deny', 'needs the permission message']],
    ['solana message', ['deny', 'needs the permission message']],
    ['bitcoin p2wpkh', ['allow']],
    ['bitcoin p2tr', ['allow']],
    [
      'near transaction',
      [
        'deny',
        'needs the permission call',
        'needs the permission key',
        'needs the permission warning',
        'needs the permission key',
        'needs the permission warning',
      ],
    ],
    ['near message', ['deny', 'needs the permission message']],
  ])('%s under a policy that limits nothing', (name, expected) => {
    expect(codes(policy([anyKind]), facts(name))).toEqual(expected);
    expect(codes(noPolicy, facts(name))).toEqual(['allow']);
  });

  test('Solana accounts from a lookup table', () => {
    // A v0 message by hand: 7 lamports to entry 4 of a table.
    const { wallet } = singleKey('SOL');
    const mint = new Uint8Array(32).fill(3);
    const message = concat(
      Uint8Array.of(0x80, 1, 0, 1, 2),
      wallet.publicKey,
      new Uint8Array(32),
      mint,
      Uint8Array.of(1, 1, 2, 0, 2, 12, 2, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1),
      mint,
      Uint8Array.of(1, 4, 0),
    );
    const transaction = base64.encode(concat(Uint8Array.of(1), new Uint8Array(64), message));
    const hidden = read({
      name: '',
      wallet,
      payload: { kind: 'transaction', blockchain: 'SOL', transaction },
    });
    const allow: readonly Permission[] = [{ allow: 'unresolved_account' }];
    expect(codes(policy([anyKind]), hidden)).toEqual(['deny', 'needs the permission unresolved_account']);
    expect(codes(policy([anyKind], allow), hidden)).toEqual(['allow']);
    const destinations = [{ blockchain: 'SOL', address: base58.encode(mint) }] as const;
    const to: Rule = { id: 'to', kind: 'destinations', destinations };
    expect(codes(policy([to], allow), hidden)).toEqual(['deny', 'destination_not_allowed']);
  });

  test('amounts and destinations as the decoders write them', () => {
    // 60,000 gas at 9, and 5 sent.
    expect(codes(policy([amount(eth, '540005')]), facts('evm transfer'))).toEqual(['allow']);
    expect(codes(policy([amount(eth, '540004')]), facts('evm transfer'))).toEqual([
      'deny',
      'amount_exceeded',
    ]);
    expect(codes(policy([amount(daiAsset.toLowerCase(), '5')]), facts('evm approve'))).toEqual(['allow']);
    expect(codes(policy([amount(daiAsset, '4')]), facts('evm approve'))).toEqual(['deny', 'amount_exceeded']);
    const to = (blockchain: 'ETH' | 'BTC-REGTEST' | 'SOL' | 'NEAR', address: string): Rule => ({
      id: 'to',
      kind: 'destinations',
      destinations: [{ blockchain, address }],
    });
    expect(codes(policy([to('ETH', dai.toLowerCase())]), facts('evm transfer'))).toEqual(['allow']);
    expect(
      codes(policy([to('ETH', '0x000000000022D473030F116dDEE9F6B43aC78BA3')]), facts('evm transfer')),
    ).toEqual(['deny', 'destination_not_allowed']);
    for (const name of ['bitcoin p2wpkh', 'solana legacy']) {
      const { effects, blockchain } = facts(name);
      const listed = effects
        .filter(({ type }) => type === 'transfer' || type === 'approve')
        .map(({ to: address = '' }) => ({ blockchain, address }));
      const destinations = [...new Map(listed.map((d) => [d.address, d])).values()];
      expect(codes(policy([{ id: 'to', kind: 'destinations', destinations }]), facts(name))).toEqual([
        'allow',
      ]);
    }
    const btc = 'bip122:0f9188f13cb7b2c71f2a335e3a4fc328/slip44:1';
    // 90,000 sent and 10,000 for the fee.
    expect(codes(policy([amount(btc, '100000')]), facts('bitcoin p2wpkh'))).toEqual(['allow']);
    expect(codes(policy([amount(btc, '99999')]), facts('bitcoin p2wpkh'))).toEqual([
      'deny',
      'amount_exceeded',
    ]);
  });

  test('NEAR: a token transfer is a call that needs a permission, and counts', () => {
    const allow: readonly Permission[] = [
      { allow: 'call', blockchain: 'NEAR', contract: 'shop.near', methods: ['ft_transfer'] },
      { allow: 'key' },
      { allow: 'warning' },
    ];
    expect(codes(policy([anyKind], allow), facts('near transaction'))).toEqual(['allow']);
    expect(
      codes(policy([amount('near:mainnet/nep141:shop.near', '0')], allow), facts('near transaction')),
    ).toEqual(['deny', 'amount_exceeded']);
  });

  const permit = (message: object, types: object, primaryType: string) =>
    evm({ domain: { name: 'Dai', chainId: 1, verifyingContract: dai }, primaryType, types, message });
  const spender = '0x000000000022d473030f116ddee9f6b43ac78ba3';
  const fields = (...list: readonly string[]) =>
    list.map((field) => ({ type: field.split(' ')[0], name: field.split(' ')[1] }));
  const erc2612 = (value: string, extra: object = {}, extraField: readonly string[] = []) =>
    permit(
      { owner: spender, spender, value, nonce: '0', deadline: '9', ...extra },
      {
        Permit: fields(
          'address owner',
          'address spender',
          'uint256 value',
          'uint256 nonce',
          'uint256 deadline',
          ...extraField,
        ),
      },
      'Permit',
    );
  const permits: readonly Permission[] = [{ allow: 'permit' }];

  test('a permit counts as spending', () => {
    const limited = policy([amount(daiAsset, '10')], permits);
    expect(codes(policy([amount(daiAsset, '10')]), erc2612('10'))).toEqual([
      'deny',
      'needs the permission permit',
      'needs the permission typed_data',
    ]);
    expect(codes(limited, erc2612('10'))).toEqual(['allow']);
    expect(codes(limited, erc2612('11'))).toEqual(['deny', 'amount_exceeded']);
    expect(codes(limited, erc2612(String(2n ** 256n - 1n)))).toEqual(['deny', 'amount_exceeded']);
    const to: Rule = { id: 'to', kind: 'destinations', destinations: [{ blockchain: 'ETH', address: dai }] };
    expect(codes(policy([to], permits), erc2612('10'))).toEqual(['deny', 'destination_not_allowed']);
    const window: Rule = { id: 'w', kind: 'window', asset: daiAsset, seconds: '60', amount: '9' };
    expect(codes(policy([window], permits), erc2612('10'))).toEqual(['deny', 'window_amount_exceeded']);
  });

  test('the permission covers the standard shapes only', () => {
    const more = erc2612('10', { order: '1' }, ['uint256 order']);
    expect(codes(policy([anyKind], permits), more)).toEqual(['deny', 'needs the permission typed_data']);
    const listed: Permission = {
      allow: 'typed_data',
      blockchain: 'ETH',
      contract: dai,
      primaryType: 'Permit',
    };
    expect(codes(policy([anyKind], [...permits, listed]), more)).toEqual(['allow']);
    expect(codes(policy([anyKind], [...permits, { ...listed, primaryType: 'Order' }]), more)).toEqual([
      'deny',
      'needs the permission typed_data',
    ]);
    // Typed data that are allowed still count what they spend.
    expect(codes(policy([amount(daiAsset, '9')], [...permits, listed]), more)).toEqual([
      'deny',
      'amount_exceeded',
    ]);
  });

  test('ERC-3009 is a transfer in typed data', () => {
    const type = 'TransferWithAuthorization';
    const transfer = permit(
      {
        from: spender,
        to: dai.toLowerCase(),
        value: '10',
        validAfter: '0',
        validBefore: '9',
        nonce: `0x${'00'.repeat(32)}`,
      },
      {
        [type]: fields(
          'address from',
          'address to',
          'uint256 value',
          'uint256 validAfter',
          'uint256 validBefore',
          'bytes32 nonce',
        ),
      },
      type,
    );
    expect(codes(policy([anyKind]), transfer)).toEqual(['deny', 'needs the permission typed_data']);
    expect(codes(policy([amount(daiAsset, '10')], permits), transfer)).toEqual(['allow']);
    expect(codes(policy([amount(daiAsset, '9')], permits), transfer)).toEqual(['deny', 'amount_exceeded']);
  });
});
