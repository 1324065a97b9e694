/**
 * Through HTTP, with both nodes running: what they sign together, chains accept; what is changed, they refuse.
 */
import { createHash } from 'node:crypto';
import { ecrecover, pubToAddress, toChecksumAddress } from '@ethereumjs/util';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { PublicKey } from '@near-js/crypto';
import { actionCreators, createTransaction, encodeTransaction } from '@near-js/transactions';
import { base58, base64 } from '@scure/base';
import { HDKey } from '@scure/bip32';
import { Transaction } from '@scure/btc-signer';
import { AccountRole, address } from '@solana/kit';
import * as bitcoinjs from 'bitcoinjs-lib';
import * as secp from 'tiny-secp256k1';
import {
  createPublicClient,
  createWalletClient,
  encodeFunctionData,
  fromRlp,
  getContractAddress,
  hashMessage,
  hashTypedData,
  http,
  parseAbi,
  serializeTransaction,
  toRlp,
} from 'viem';
import { viemAccount } from '../../client/viem.ts';
import type { Wallet } from '../../client/wallets.ts';
import { concat, fromHex, toHex, utf8 } from '../../shared/bytes.ts';
import { lockOf } from '../../shared/chains/bitcoin-script.ts';
import { programs } from '../../shared/chains/solana-instructions.ts';
import { bitcoinVerdict, type Coin, makeCoin } from '../support/engines/bitcoin.ts';
import { type EvmEngine, startEvm } from '../support/engines/evm.ts';
import { nearVerdict, opensslVerifies } from '../support/engines/near.ts';
import { startSolana } from '../support/engines/solana.ts';
import { type Stack, startStack } from '../support/stack.ts';

jest.setTimeout(120_000);
type Hex = `0x${string}`;
/** Signatures of each kind; the long run makes a thousand, of Bitcoin a hundred. */
const slow = process.env['SLOW'] === '1';
const eachRound = Array.from({ length: slow ? 1_000 : 2 }, (_, i) => i);
/** Bitcoin: bitcore takes a second for each. */
const eachSpend = Array.from({ length: slow ? 100 : 2 }, (_, i) => i);

let stack: Stack;
let evm: EvmEngine;
let set: Awaited<ReturnType<Stack['planbok']['walletSets']['create']>>;
let wallets: Record<'ETH-LOCAL' | 'ETH' | 'BTC-REGTEST' | 'TAPROOT' | 'SOL' | 'NEAR', Wallet>;

beforeAll(async () => {
  [stack, evm] = await Promise.all([startStack(), startEvm()]);
  const { walletSets, wallets: make } = stack.planbok;
  set = await walletSets.create({ name: 'Engines', keyTypes: ['secp256k1', 'ed25519'] });
  const walletSet = set.id;
  const { data } = await make.create({
    walletSet,
    blockchains: ['ETH-LOCAL', 'ETH', 'BTC-REGTEST', 'SOL', 'NEAR'],
  });
  const taproot = await make.create({ walletSet, blockchains: ['BTC-REGTEST'], addressType: 'p2tr' });
  wallets = Object.fromEntries([
    ...data.map((wallet) => [wallet.blockchain, wallet]),
    ['TAPROOT', taproot.data[0]],
  ]) as typeof wallets;
});
afterAll(async () => {
  await Promise.all([stack?.stop(), evm?.stop()]);
});

const sign = async (
  wallet: Wallet,
  payload: Parameters<Stack['planbok']['signatures']['create']>[0]['payload'],
) => stack.planbok.signatures.create({ wallet: wallet.id, payload });

describe('Ethereum: anvil and ethereumjs', () => {
  const ether = 10n ** 18n;
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
  const them = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
  const fees = { gas: 200_000n, maxFeePerGas: 50n * 10n ** 9n, maxPriorityFeePerGas: 10n ** 9n };
  let me: Hex;
  beforeAll(async () => {
    me = wallets['ETH-LOCAL'].address as Hex;
    for (const { address: to } of [wallets['ETH-LOCAL'], wallets.ETH]) await evm.fund(to, 1_000n * ether);
  });

  const signed = async (fields: object, { wallet = wallets['ETH-LOCAL'], chainId = 31337 } = {}) => {
    const transaction = serializeTransaction({ type: 'eip1559', chainId, ...fees, ...fields } as Parameters<
      typeof serializeTransaction
    >[0]);
    return sign(wallet, { kind: 'transaction', transaction });
  };
  async function accepted(fields: object) {
    const result = await signed({ nonce: await evm.nonce(me), ...fields });
    const { signedTransaction = '', transactionId } = result;
    expect(await evm.send(signedTransaction)).toEqual({ accepted: true, reason: '0x1', hash: transactionId });
    const sender = me.toLowerCase();
    expect(await evm.judge(signedTransaction)).toEqual({ accepted: true, reason: '', sender });
    return result;
  }
  async function refused(raw: string, by: readonly ('anvil' | 'ethereumjs')[] = ['anvil', 'ethereumjs']) {
    if (by.includes('anvil')) expect((await evm.send(raw)).accepted).toBe(false);
    if (by.includes('ethereumjs')) expect((await evm.judge(raw)).accepted).toBe(false);
  }

  test.each(eachRound)('an EIP-1559 transfer is accepted once (round %i)', async () => {
    const before = await evm.balance(them);
    const { signedTransaction = '', intent } = await accepted({ to: them, value: ether / 1000n });
    expect((await evm.balance(them)) - before).toBe(ether / 1000n);
    expect(intent.effects[0]).toMatchObject({ type: 'transfer', to: them, amount: String(ether / 1000n) });
    await refused(signedTransaction);
    expect((await evm.balance(them)) - before).toBe(ether / 1000n);
  });

  test('legacy and EIP-2930 transfers are accepted', async () => {
    const price = { gasPrice: 50n * 10n ** 9n, maxFeePerGas: undefined, maxPriorityFeePerGas: undefined };
    await accepted({ type: 'legacy', ...price, to: them, value: 1n });
    const accessList = [{ address: them, storageKeys: [] }];
    await accepted({ type: 'eip2930', ...price, accessList, to: them, value: 1n });
  });

  test('a contract is deployed and called', async () => {
    const nonce = await evm.nonce(me);
    const contract = getContractAddress({ from: me, nonce: BigInt(nonce) });
    // Returns PUSH1 24 CALLDATALOAD PUSH0 SSTORE STOP, which keeps the second argument of whatever is called.
    const { intent } = await accepted({ nonce, data: '0x656024355f55005f526006601af3' });
    expect(intent.effects[0]?.type).toBe('deploy');
    expect(await evm.rpc('eth_getCode', contract, 'latest')).toBe('0x6024355f5500');
    const abi = parseAbi(['function transfer(address, uint256)']);
    const data = encodeFunctionData({ abi, functionName: 'transfer', args: [them, 77n] });
    const call = await accepted({ to: contract, data });
    expect(call.intent.effects[0]).toMatchObject({ type: 'transfer', to: them, amount: '77' });
    expect(BigInt(await evm.storage(contract, '0x0'))).toBe(77n);
  });

  test('viem sends through the account adapter', async () => {
    const account = await viemAccount(stack.planbok, wallets['ETH-LOCAL'].id);
    const chain = {
      id: 31337,
      name: 'local',
      nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
      rpcUrls: { default: { http: [evm.url] } },
    };
    const client = createWalletClient({ account, chain, transport: http(evm.url) });
    const before = await evm.balance(them);
    const hash = await client.sendTransaction({ to: them, value: 5n });
    const receipt = await createPublicClient({ chain, transport: http(evm.url) }).waitForTransactionReceipt({
      hash,
      pollingInterval: 50,
      timeout: 10_000,
    });
    expect(receipt.status).toBe('success');
    expect((await evm.balance(them)) - before).toBe(5n);
    // The second engine did not see it: from here on its nonce is set right.
    const raw = await evm.rpc('eth_getRawTransactionByHash', hash);
    expect((await evm.judge(String(raw))).accepted).toBe(true);
  });

  test('the engines are not blind: replayed, tampered, wrong chain, high s', async () => {
    const nonce = await evm.nonce(me);
    const good = await signed({ nonce, to: them, value: ether });
    const { signedTransaction = '' } = good;
    const fields = fromRlp(`0x${signedTransaction.slice(4)}`, 'hex') as Hex[];
    const change = (...changes: readonly (readonly [number, Hex])[]): string => {
      const changed = [...fields];
      for (const [at, value] of changes) changed[at] = value;
      return `0x02${toRlp(changed).slice(2)}`;
    };
    const before = await evm.balance(them);
    const amount = toRlp('0x01') as Hex;
    await refused(change([6, amount]));
    await refused(change([0, '0x01']));
    await refused(change([10, `0x${'11'.repeat(32)}`]));
    // The two values of y that go with r: the wrong one makes another sender.
    await refused(change([9, fields[9] === '0x01' ? '0x' : '0x01']));
    const high = `0x${(order - BigInt(fields[11] ?? 0)).toString(16).padStart(64, '0')}` as Hex;
    const malleated = change([11, high], [9, fields[9] === '0x01' ? '0x' : '0x01']);
    // anvil takes it: that is why there is a second judge.
    await refused(malleated, ['ethereumjs']);
    const mainnet = await signed(
      { nonce: await evm.nonce(wallets.ETH.address), to: them, value: ether },
      { wallet: wallets.ETH, chainId: 1 },
    );
    await refused(mainnet.signedTransaction ?? '');
    expect(await evm.balance(them)).toBe(before);
    expect((await evm.judge(signedTransaction)).accepted).toBe(true);
    expect((await evm.send(signedTransaction)).accepted).toBe(true);
    await refused(signedTransaction);
  });

  /** The address that libsecp256k1 finds in a signature of 65 bytes. */
  function recovered(digest: Hex, signature: string): string {
    const bytes = fromHex(signature.slice(2));
    const key = secp.recover(
      fromHex(digest.slice(2)),
      bytes.slice(0, 64),
      ((bytes[64] ?? 0) - 27) as 0 | 1,
      false,
    );
    if (key === null) throw new Error('nothing recovered');
    const theirs = ecrecover(
      fromHex(digest.slice(2)),
      BigInt(bytes[64] ?? 0),
      bytes.slice(0, 32),
      bytes.slice(32, 64),
    );
    expect(toHex(theirs)).toBe(toHex(key.slice(1)));
    return toChecksumAddress(`0x${toHex(pubToAddress(key.slice(1)))}`);
  }

  test.each(eachRound)(
    'EIP-191 and EIP-712: viem hashes, libsecp256k1 recovers the wallet (round %i)',
    async (i) => {
      const message = `Grüße Nr. ${i} \u{1f512}`;
      const text = await sign(wallets['ETH-LOCAL'], { kind: 'message', message });
      expect(recovered(hashMessage(message), text.signature)).toBe(me);
      expect(recovered(hashMessage(`${message}.`), text.signature)).not.toBe(me);
      const bytes = await sign(wallets['ETH-LOCAL'], { kind: 'message', messageHex: '0x00ff17' });
      expect(recovered(hashMessage({ raw: '0x00ff17' }), bytes.signature)).toBe(me);

      const typed = {
        domain: { name: 'Mail', version: '1', chainId: 31337, verifyingContract: them as Hex },
        types: {
          Person: [
            { name: 'name', type: 'string' },
            { name: 'wallets', type: 'address[]' },
          ],
          Mail: [
            { name: 'from', type: 'Person' },
            { name: 'to', type: 'Person[]' },
            { name: 'amount', type: 'uint256' },
          ],
        },
        primaryType: 'Mail',
        message: {
          from: { name: 'Ada', wallets: [me] },
          to: [{ name: 'Bob', wallets: [them, me] }],
          amount: String(2n ** 200n + BigInt(i)),
        },
      } as const;
      const { signature } = await sign(wallets['ETH-LOCAL'], { kind: 'typed_data', typedData: typed });
      const digest = (more: object = {}) =>
        hashTypedData({ ...typed, message: { ...typed.message, ...more } } as never);
      expect(recovered(digest(), signature)).toBe(me);
      expect(recovered(digest({ amount: '1' }), signature)).not.toBe(me);
    },
  );
});

describe('Bitcoin: bitcore and libsecp256k1', () => {
  const both = { bitcore: true, libsecp256k1: true };
  const neither = { bitcore: false, libsecp256k1: false };
  const stranger = lockOf(
    'bcrt',
    'p2wpkh',
    HDKey.fromMasterSeed(new Uint8Array(32).fill(2)).publicKey ?? fromHex(''),
  );

  /** A path of the account, its script, and the fields that propose it in a PSBT. */
  function own(type: 'p2wpkh' | 'p2tr', branch: 0 | 1, index: number) {
    const path = [type === 'p2tr' ? 86 : 84, branch, index];
    const account = HDKey.fromExtendedKey(set.xpub ?? '');
    const { publicKey } = account.derive(`m/${path.join('/')}`);
    if (publicKey === null) throw new Error('no key');
    const der = { fingerprint: account.fingerprint, path };
    const fields: object =
      type === 'p2tr'
        ? {
            tapBip32Derivation: [[publicKey.slice(1), { hashes: [], der }]],
            tapInternalKey: publicKey.slice(1),
          }
        : { bip32Derivation: [[publicKey, der]] };
    return { ...lockOf('bcrt', type, publicKey), fields };
  }

  function build(type: 'p2wpkh' | 'p2tr', indices: readonly (readonly [0 | 1, number])[], salt: number) {
    const transaction = new Transaction();
    const coins: Coin[] = [];
    for (const [n, [branch, index]] of indices.entries()) {
      const { script, fields } = own(type, branch, index);
      const coin = makeCoin(script, 100_000n + BigInt(n), salt + n);
      coins.push(coin);
      transaction.addInput({
        txid: coin.txid,
        index: coin.index,
        nonWitnessUtxo: coin.previous,
        witnessUtxo: { script, amount: coin.amount },
        ...fields,
      } as Parameters<Transaction['addInput']>[0]);
    }
    const paid = 60_000n;
    const change = own(type, 1, 7);
    transaction.addOutput({ script: stranger.script, amount: paid });
    const kept = BigInt(indices.length) * 100_000n - paid - 2_000n;
    transaction.addOutput({ script: change.script, amount: kept, ...change.fields } as Parameters<
      Transaction['addOutput']
    >[0]);
    return { psbt: base64.encode(transaction.toPSBT(0)), coins, change: change.address, kept };
  }

  const flip = (hex: string, at: number): string =>
    `${hex.slice(0, at)}${(Number.parseInt(hex[at] ?? '0', 16) ^ 1).toString(16)}${hex.slice(at + 1)}`;

  describe.each([
    ['p2wpkh', 'BTC-REGTEST'],
    ['p2tr', 'TAPROOT'],
  ] as const)('%s', (type, name) => {
    test.each(eachSpend)('a spend of one coin is accepted (round %i)', async (i) => {
      const { index } = wallets[name];
      const { psbt, coins } = build(type, [[0, index]], i);
      const { signedTransaction = '' } = await sign(wallets[name], { kind: 'psbt', psbt });
      expect(bitcoinVerdict(signedTransaction, coins)).toEqual(both);
    });

    test('a spend of three coins, also of a change address, with change of its own; tampered ones are refused', async () => {
      const { index } = wallets[name];
      const paths = [
        [0, index],
        [1, 3],
        [0, index],
      ] as const;
      const { psbt, coins, change, kept } = build(type, paths, 20);
      const result = await sign(wallets[name], { kind: 'psbt', psbt });
      const { signedTransaction: raw = '', transactionId, intent } = result;
      expect(bitcoinVerdict(raw, coins)).toEqual(both);
      expect(intent.effects.map(({ type: effect, to, amount }) => [effect, to, amount]).slice(0, 2)).toEqual([
        ['transfer', stranger.address, '60000'],
        ['change', change, String(kept)],
      ]);
      const parsed = bitcoinjs.Transaction.fromHex(raw);
      expect(parsed.getId()).toBe(transactionId);

      const falseAmounts = coins.map((coin) => ({ ...coin, amount: coin.amount + 1n }));
      expect(bitcoinVerdict(raw, falseAmounts)).toEqual(neither);
      const signature = toHex(parsed.ins[1]?.witness[0] ?? new Uint8Array());
      expect(bitcoinVerdict(flip(raw, raw.indexOf(signature) + 30), coins)).toEqual(neither);
      expect(bitcoinVerdict(flip(raw, raw.indexOf('60ea000000000000') + 1), coins)).toEqual(neither);
      expect(bitcoinVerdict(flip(raw, raw.indexOf(toHex(stranger.script)) + 9), coins)).toEqual(neither);
      // A signature is of one input: the witnesses of two inputs exchanged.
      const swapped = bitcoinjs.Transaction.fromHex(raw);
      const [first, , third] = swapped.ins;
      if (first === undefined || third === undefined) throw new Error('three inputs');
      [first.witness, third.witness] = [third.witness, first.witness];
      expect(bitcoinVerdict(swapped.toHex(), coins)).toEqual(neither);
    });
  });

  test('high s is refused by both', async () => {
    const { psbt, coins } = build('p2wpkh', [[0, wallets['BTC-REGTEST'].index]], 40);
    const { signedTransaction = '' } = await sign(wallets['BTC-REGTEST'], { kind: 'psbt', psbt });
    const transaction = bitcoinjs.Transaction.fromHex(signedTransaction);
    const [input] = transaction.ins;
    const [der, publicKey] = input?.witness ?? [];
    if (input === undefined || der === undefined || publicKey === undefined) throw new Error('no witness');
    const { signature, hashType } = bitcoinjs.script.signature.decode(der);
    const negated = secp.privateNegate(signature.slice(32));
    input.witness = [
      bitcoinjs.script.signature.encode(concat(signature.slice(0, 32), negated), hashType),
      publicKey,
    ];
    expect(bitcoinVerdict(transaction.toHex(), coins)).toEqual(neither);
    input.witness = [der, publicKey];
    expect(bitcoinVerdict(transaction.toHex(), coins)).toEqual(both);
  });
});

describe('Solana: litesvm', () => {
  const svm = startSolana();
  const sol = 1_000_000_000n;
  const them = base58.encode(new Uint8Array(32).fill(9));
  beforeAll(() => svm.fund(wallets.SOL.address, 100n * sol));

  const transfer = () => ({
    programAddress: address(programs.system),
    accounts: [
      { address: address(wallets.SOL.address), role: AccountRole.WRITABLE_SIGNER },
      { address: address(them), role: AccountRole.WRITABLE },
    ],
    // Transfer 0.01 SOL.
    data: fromHex('020000008096980000000000'),
  });
  const signed = async (version: 'legacy' | 0) => {
    svm.advance();
    const transaction = svm.build(wallets.SOL.address, [transfer()], version);
    return sign(wallets.SOL, { kind: 'transaction', transaction });
  };

  test.each(eachRound.flatMap((i) => (['legacy', 0] as const).map((version) => [version, i] as const)))(
    'a transfer (version %s) is accepted once (round %i)',
    async (version) => {
      const [before, had] = [svm.balance(wallets.SOL.address), svm.balance(them)];
      const { signedTransaction = '', intent } = await signed(version);
      expect(intent.effects[0]).toMatchObject({ type: 'transfer', to: them, amount: '10000000' });
      expect(svm.send(signedTransaction)).toEqual({ accepted: true, reason: '' });
      expect(svm.balance(them) - had).toBe(10_000_000n);
      expect(before - svm.balance(wallets.SOL.address)).toBe(10_005_000n);
      expect(svm.send(signedTransaction).accepted).toBe(false);
      expect(svm.balance(them) - had).toBe(10_000_000n);
    },
  );

  test('not blind: tampered, s + order, another chain', async () => {
    const { signedTransaction = '' } = await signed(0);
    const good = base64.decode(signedTransaction);
    const had = svm.balance(them);
    for (const at of [1, 40, 64, 80, good.length - 5]) {
      const bad = good.slice();
      bad[at] = (bad[at] ?? 0) ^ 1;
      expect(svm.send(base64.encode(bad)).accepted).toBe(false);
    }
    // Ed25519's counterpart of a high s: s plus the order of the group.
    const order = 2n ** 252n + 27742317777372353535851937790883648493n;
    const s = BigInt(`0x${toHex(good.slice(33, 65).reverse())}`) + order;
    const malleated = concat(
      good.slice(0, 33),
      fromHex(s.toString(16).padStart(64, '0')).reverse(),
      good.slice(65),
    );
    expect(svm.send(base64.encode(malleated)).accepted).toBe(false);
    // A blockhash belongs to one chain: this one knows another's not.
    const elsewhere = startSolana();
    elsewhere.fund(wallets.SOL.address, sol);
    elsewhere.advance();
    expect(elsewhere.send(signedTransaction).accepted).toBe(false);
    expect(svm.balance(them)).toBe(had);
    expect(svm.send(signedTransaction).accepted).toBe(true);
  });

  test('an off-chain message verifies with OpenSSL over bytes put together here', async () => {
    const text = 'Sign in to example.com';
    const { signature } = await sign(wallets.SOL, { kind: 'message', message: text });
    const preamble = concat(
      Uint8Array.of(0xff),
      utf8('solana offchain'),
      Uint8Array.of(0),
      new Uint8Array(32),
    );
    const publicKey = base58.decode(wallets.SOL.address);
    const length = Uint8Array.of(text.length, 0);
    const bytes = concat(preamble, Uint8Array.of(0, 1), publicKey, length, utf8(text));
    expect(opensslVerifies(base58.decode(signature), bytes, publicKey)).toBe(true);
    bytes[bytes.length - 1] = 0x4d;
    expect(opensslVerifies(base58.decode(signature), bytes, publicKey)).toBe(false);
  });
});

describe('NEAR: its own library and OpenSSL', () => {
  const { transfer, functionCall } = actionCreators;
  const build = (nonce: bigint): string => {
    const { address: me, publicKey } = wallets.NEAR;
    const key = PublicKey.from(`ed25519:${base58.encode(fromHex(publicKey))}`);
    const actions = [transfer(7n * 10n ** 24n), functionCall('ft_transfer', utf8('{}'), 30n, 1n)];
    const blockHash = createHash('sha256').update(String(nonce)).digest();
    return base64.encode(
      encodeTransaction(createTransaction(me, key, 'shop.near', nonce, actions, blockHash)),
    );
  };

  test.each(eachRound)('a transaction is read and its signature verified (round %i)', async (i) => {
    const { address: me } = wallets.NEAR;
    const transaction = build(BigInt(i + 1));
    const result = await sign(wallets.NEAR, { kind: 'transaction', transaction });
    const { signedTransaction = '', transactionId: hash } = result;
    expect(nearVerdict(signedTransaction)).toEqual({
      accepted: true,
      signerId: me,
      receiverId: 'shop.near',
      hash,
    });
    const bytes = base64.decode(signedTransaction);
    for (const at of [20, 120, 150, bytes.length - 70, bytes.length - 40, bytes.length - 3]) {
      const bad = bytes.slice();
      bad[at] = (bad[at] ?? 0) ^ 1;
      expect(nearVerdict(base64.encode(bad)).accepted).toBe(false);
    }
  });

  test('a message under NEP-413 verifies over bytes put together here', async () => {
    const nonce = new Uint8Array(32).fill(6);
    const nep413 = { message: 'héllo', recipient: 'shop.near', nonce: base64.encode(nonce) };
    const { signature } = await sign(wallets.NEAR, { kind: 'message', nep413 });
    const text = (value: string) => concat(Uint8Array.of(utf8(value).length, 0, 0, 0), utf8(value));
    // 2^31 + 413, little-endian; then message, nonce, recipient, no callback.
    const digest = (message: string): Uint8Array =>
      Uint8Array.from(
        createHash('sha256')
          .update(concat(fromHex('9d010080'), text(message), nonce, text('shop.near'), Uint8Array.of(0)))
          .digest(),
      );
    const publicKey = fromHex(wallets.NEAR.publicKey);
    expect(opensslVerifies(base64.decode(signature), digest('héllo'), publicKey)).toBe(true);
    expect(opensslVerifies(base64.decode(signature), digest('hello'), publicKey)).toBe(false);
  });
});

test('a watch-only wallet with the xpub derives the same addresses, by BIP-32 and other libraries', async () => {
  bitcoinjs.initEccLib(secp);
  const account = HDKey.fromExtendedKey(set.xpub ?? '');
  expect(toHex(account.publicKey ?? new Uint8Array())).toBe(set.publicKeys.secp256k1);
  const { regtest: network } = bitcoinjs.networks;
  const more = await stack.planbok.wallets.create({
    walletSet: set.id,
    blockchains: ['ETH', 'BTC-REGTEST'],
    count: 3,
  });
  const all = [wallets['ETH-LOCAL'], wallets['BTC-REGTEST'], wallets.TAPROOT, ...more.data];
  expect(all).toHaveLength(9);
  for (const wallet of all) {
    const { publicKey: pubkey } = account.derive(wallet.path);
    if (pubkey === null) throw new Error('no key');
    expect(toHex(pubkey)).toBe(wallet.publicKey);
    const found = wallet.blockchain.startsWith('ETH')
      ? toChecksumAddress(`0x${toHex(pubToAddress(secp.pointCompress(pubkey, false).slice(1)))}`)
      : wallet.addressType === 'p2tr'
        ? bitcoinjs.payments.p2tr({ internalPubkey: pubkey.slice(1), network }).address
        : bitcoinjs.payments.p2wpkh({ pubkey, network }).address;
    expect(found).toBe(wallet.address);
  }
});
