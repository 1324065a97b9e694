/**
 * The command line as other tools call it: processes, their JSON, their exit codes, and `npm start` around them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { PublicKey } from '@near-js/crypto';
import { actionCreators, createTransaction, encodeTransaction } from '@near-js/transactions';
import { base58, base64 } from '@scure/base';
import { AccountRole, address } from '@solana/kit';
import {
  recoverMessageAddress,
  recoverTransactionAddress,
  recoverTypedDataAddress,
  serializeTransaction,
} from 'viem';
import { commands } from '../../cli/main.ts';
import { fromHex, toHex, utf8 } from '../../shared/bytes.ts';
import { programs } from '../../shared/chains/solana-instructions.ts';
import { spend } from '../support/ask.ts';
import { nearVerdict } from '../support/engines/near.ts';
import { buildSolana } from '../support/engines/solana.ts';
import { gone } from '../support/processes.ts';
import { cleanEnv, newFolder, type Ran, root, runCli, type Stack, startStack } from '../support/stack.ts';

jest.setTimeout(120_000);
type Hex = `0x${string}`;
let stack: Stack;
let empty: string;
beforeAll(async () => {
  empty = newFolder();
  stack = await startStack();
});
afterAll(async () => {
  await stack?.stop();
  rmSync(empty, { recursive: true, force: true });
});

const wallets: Record<string, { id: string; address: string; publicKey: string; path: string }> = {};
const file = (name: string, content: string | Uint8Array): string => {
  const path = join(stack.data, name);
  writeFileSync(path, content);
  return path;
};
/** Words as they are typed: nothing in them has a space of its own. */
const cli = (line: string): Promise<Ran> => stack.cli(...line.split(' '));
async function good(line: string): Promise<any> {
  const ran = await cli(`${line} --json`);
  expect([ran.code, ran.stderr]).toEqual([0, '']);
  // One document, and nothing beside it.
  expect(ran.stdout.endsWith('\n') && ran.stdout.trim().split('\n').length).toBe(1);
  return ran.json;
}
/** Runs two at a time: the machine may be small. */
async function inPairs<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values();
  const worker = async () => {
    for (const item of waiting) await run(item);
  };
  await Promise.all([worker(), worker()]);
}

describe('the contract', () => {
  let setId: string;

  test('npx planbok wallet-sets create', async () => {
    const line = `planbok wallet-sets create --name NAME --custody standard --key-types secp256k1,ed25519 --json`;
    const child = spawn('npx', [...line.split(' '), '--data', stack.data], {
      cwd: root,
      env: cleanEnv(),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let out = '';
    child.stdout.on('data', (data: Uint8Array) => {
      out += new TextDecoder().decode(data);
    });
    expect(await new Promise((done) => child.once('close', done))).toBe(0);
    const set = JSON.parse(out);
    expect(set).toMatchObject({
      id: expect.stringMatching(/^wset_/),
      custody: 'standard',
      keyTypes: ['secp256k1', 'ed25519'],
      state: 'active',
      publicKeys: {
        secp256k1: expect.stringMatching(/^0[23][0-9a-f]{64}$/),
        ed25519: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    });
    setId = set.id;
    expect(await good(`wallet-sets get ${setId}`)).toEqual(set);
  });

  test('wallets create', async () => {
    const { data } = await good(`wallets create --wallet-set ${setId} --blockchains ETH,BTC,SOL,NEAR`);
    expect(data).toHaveLength(4);
    for (const wallet of data) {
      wallets[wallet.blockchain] = wallet;
      expect(wallet).toMatchObject({
        id: expect.stringMatching(/^wal_/),
        publicKey: expect.stringMatching(/^[0-9a-f]{64,66}$/),
        path: expect.stringMatching(/^m\/\d+\/0\/0$/),
      });
    }
    expect(wallets['ETH']?.address).toMatch(/^0x[0-9a-fA-F]{40}$/);
    expect(wallets['BTC']?.address).toMatch(/^bc1q/);
    expect(base58.decode(wallets['SOL']?.address ?? '')).toHaveLength(32);
    expect(wallets['NEAR']?.address).toBe(wallets['NEAR']?.publicKey);
  });

  const signed = async (chain: string, rest: string) => {
    const made = await good(`sign --wallet ${wallets[chain]?.id} ${rest}`);
    expect(made).toMatchObject({
      id: expect.stringMatching(/^sig_/),
      state: 'completed',
      signature: expect.any(String),
      auditEventId: expect.stringMatching(/^evt_/),
    });
    return made;
  };

  test('sign: a message', async () => {
    const { signature } = await signed('ETH', '--kind message --message TEXT');
    expect(await recoverMessageAddress({ message: 'TEXT', signature })).toBe(wallets['ETH']?.address);
    const words = `sign --wallet ${wallets['ETH']?.id} --kind message --file - --json --data ${stack.data}`;
    const piped = await runCli(words.split(' '), utf8('TEXT'));
    expect(await recoverMessageAddress({ message: 'TEXT', signature: piped.json.signature })).toBe(
      wallets['ETH']?.address,
    );
    await signed('SOL', '--kind message --message TEXT');
    await signed('NEAR', '--kind message --message TEXT --recipient shop.near');
  });

  test('sign: typed data', async () => {
    const typed = {
      domain: { name: 'Shop', chainId: 1 },
      types: { Order: [{ name: 'amount', type: 'uint256' }] },
      primaryType: 'Order',
      message: { amount: '5' },
    } as const;
    const path = file('typed.json', JSON.stringify(typed));
    const { signature } = await signed('ETH', `--kind typed_data --file ${path}`);
    const found = await recoverTypedDataAddress({ ...typed, signature } as never);
    expect(found).toBe(wallets['ETH']?.address);
  });

  test('sign: transactions', async () => {
    const me = wallets['ETH']?.address as Hex;
    const request = {
      to: me,
      value: '7',
      nonce: 0,
      gas: 21000,
      maxFeePerGas: '9',
      maxPriorityFeePerGas: '1',
    };
    const hex = serializeTransaction({
      to: me,
      value: 7n,
      nonce: 0,
      gas: 21_000n,
      maxFeePerGas: 9n,
      maxPriorityFeePerGas: 1n,
      chainId: 1,
    });
    for (const [name, content] of [
      ['tx.json', JSON.stringify(request)],
      ['tx.hex', hex],
    ] as const) {
      const made = await signed('ETH', `--kind transaction --file ${file(name, content)}`);
      const serializedTransaction = made.signedTransaction as never;
      expect(await recoverTransactionAddress({ serializedTransaction })).toBe(me);
    }

    const payer = wallets['SOL']?.address ?? '';
    const transfer = {
      programAddress: address(programs.system),
      accounts: [
        { address: address(payer), role: AccountRole.WRITABLE_SIGNER },
        { address: address(base58.encode(new Uint8Array(32).fill(3))), role: AccountRole.WRITABLE },
      ],
      data: fromHex('020000000100000000000000'),
    };
    const wire = buildSolana(payer, [transfer], base58.encode(new Uint8Array(32).fill(4)));
    const solana = await signed('SOL', `--kind transaction --file ${file('solana.b64', wire)}`);
    expect(base64.decode(solana.signedTransaction).slice(65)).toEqual(base64.decode(wire).slice(65));

    const { address: signer = '', publicKey = '' } = wallets['NEAR'] ?? {};
    const key = PublicKey.from(`ed25519:${base58.encode(fromHex(publicKey))}`);
    const actions = [actionCreators.transfer(5n)];
    const bytes = encodeTransaction(
      createTransaction(signer, key, 'bob.near', 1n, actions, new Uint8Array(32)),
    );
    const near = await signed('NEAR', `--kind transaction --file ${file('near.bin', bytes)}`);
    expect(nearVerdict(near.signedTransaction).accepted).toBe(true);
  });

  test('sign: a PSBT, as base64, hex and binary', async () => {
    const { psbt = '' } = spend({ ...wallets['BTC'], addressType: 'p2wpkh' }, 2);
    const bytes = base64.decode(psbt);
    for (const content of [psbt, toHex(bytes), bytes]) {
      const made = await signed('BTC', `--kind psbt --file ${file('spend.psbt', content)}`);
      expect(made.signedTransaction).toMatch(/^02000000000102/);
      expect(made.transactionId).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  test('wallets verify-address, also of a proof that was kept', async () => {
    for (const { id, address: it } of Object.values(wallets))
      expect(await good(`wallets verify-address ${id}`)).toMatchObject({
        verified: true,
        wallet: id,
        address: it,
      });
    const id = wallets['SOL']?.id;
    const kept = file('proof.json', JSON.stringify(await good(`wallets proof ${id}`)));
    expect(await good(`wallets verify-address ${id} --file ${kept}`)).toMatchObject({ verified: true });
    const forged = file(
      'forged.json',
      readFileSync(kept, 'utf8').replaceAll(wallets['SOL']?.address ?? '', payee),
    );
    const refused = await cli(`wallets verify-address ${id} --file ${forged} --json`);
    expect([refused.code, refused.error.code]).toEqual([11, 'proof_invalid']);
  });
  const payee = base58.encode(new Uint8Array(32).fill(3));

  test('run.json names the API, the organization and the process; owner.json is private', async () => {
    const run = JSON.parse(readFileSync(join(stack.data, 'run.json'), 'utf8'));
    expect(run).toEqual({ api: stack.url, orgId: stack.owner.organization, pid: stack.pid() });
    expect(statSync(join(stack.data, 'owner.json')).mode & 0o777).toBe(0o600);
    expect(await good('doctor')).toMatchObject({ ok: true });
  });

  test('a request is signed by nobody else: another owner file is another credential', async () => {
    const path = join(stack.data, 'owner.json');
    const mine = readFileSync(path, 'utf8');
    try {
      writeFileSync(path, mine.replace(/"seed": "../, '"seed": "__'));
      const ran = await cli('org show --json');
      expect([ran.code, ran.error.code]).toEqual([4, 'credential_unknown']);
      expect(ran.stderr).not.toContain(JSON.parse(mine).seed.slice(4));
    } finally {
      writeFileSync(path, mine);
    }
  });
});

describe('mistakes', () => {
  /** What is typed (`$ETH` is the wallet's id), the exit code, the code, and what the message must say. */
  const mistakes: readonly (readonly [line: string, exit: number, code: string, says: RegExp])[] = [
    ['wallets get wal_nosuchwallet', 6, 'wallet_not_found', /wal_nosuchwallet/],
    ['wallet-sets get wset_x', 6, 'wallet_set_not_found', /wset_x/],
    ['wallets create --wallet-set wset_x --blockchains ETH', 6, 'wallet_set_not_found', /wset_x/],
    ['wallets create --wallet-set $SET --blockchains DOGE', 8, 'blockchain_unsupported', /./],
    ['wallet-sets create --name x --custody trustless', 8, 'custody_unsupported', /./],
    ['wallet-sets create --name x --key-types rsa', 2, 'usage', /no such key type: rsa/],
    ['wallet-sets create', 2, 'usage', /--name is missing.*--help/s],
    ['sign --wallet wal_x --kind message --message x', 6, 'wallet_not_found', /wal_x/],
    ['sign --wallet $ETH --kind poem --message x', 2, 'usage', /no such kind: poem; one of message/],
    ['sign --wallet $ETH --kind message', 2, 'usage', /either --message TEXT or --file F/],
    ['sign --wallet $ETH --kind transaction --file /nowhere', 2, 'usage', /\/nowhere cannot be read/],
    ['sign --wallet $ETH --kind transaction --file $BAD', 8, 'payload_undecodable', /./],
    ['sign --wallet $ETH --kind transaction --file $ETHER', 2, 'usage', /whole number of wei/],
    ['sign --wallet $ETH --kind transaction --file $OTHER', 8, 'chain_id_mismatch', /chain 5/],
    ['sign --wallet $ETH --kind typed_data --file $BAD', 3, 'json_invalid', /./],
    ['sign --wallet $ETH --kind typed_data --file $TWICE', 3, 'json_invalid', /./],
    ['sign --wallet $ETH --kind psbt --file $BAD', 8, 'kind_unsupported', /./],
    ['sign --wallet $ETH --kind raw_digest --file $DIGEST', 5, 'raw_digest_disabled', /./],
    ['sign --wallet $BTC --kind psbt --file $BAD', 8, 'payload_undecodable', /./],
    ['sign --wallet $BTC --kind message --message x', 8, 'kind_unsupported', /BIP-322/],
    ['sign --wallet $SOL --kind transaction --file $BAD', 8, 'payload_undecodable', /./],
    ['sign --wallet $SOL --kind typed_data --file $TYPED', 8, 'kind_unsupported', /./],
    ['sign --wallet $NEAR --kind message --message x', 2, 'usage', /needs --recipient/],
    ['signatures get sig_x', 6, 'signature_not_found', /sig_x/],
    ['wallets verify-address wal_x', 6, 'wallet_not_found', /wal_x/],
    ['wallets verify-address', 2, 'usage', /ID is missing/],
    ['wallet create', 2, 'usage', /no such command: wallet create/],
    ['health --prot 1', 2, 'usage', /--prot/],
  ];

  test('each has an exit code, a stable code and words', async () => {
    const { id: set } = await good('wallet-sets create --name Mistakes');
    const { data } = await good(`wallets create --wallet-set ${set} --blockchains ETH,BTC,SOL,NEAR`);
    const place: Record<string, string> = {
      SET: set,
      BAD: file('bad', 'this is no payload'),
      ETHER: file('ether.json', '{"to":"0x","value":"1.5","nonce":0,"gas":1,"gasPrice":1}'),
      OTHER: file('other.json', `{"to":"${data[0].address}","chainId":5,"nonce":0,"gas":21000,"gasPrice":1}`),
      TWICE: file('twice.json', '{"domain":{},"domain":{}}'),
      TYPED: file('empty.json', '{}'),
      DIGEST: file('digest', 'ab'.repeat(32)),
      ...Object.fromEntries(data.map((one: any) => [one.blockchain, one.id])),
    };
    const found: unknown[] = [];
    await inPairs(mistakes, async (mistake) => {
      const [line, exit, code, says] = mistake;
      const typed = line.replace(/\$([A-Z]+)/g, (_, name: string) => place[name] ?? '');
      const ran = await cli(`${typed} --json`);
      if (ran.stdout !== '' || ran.code !== exit || ran.error?.code !== code || !says.test(ran.error.message))
        found.push([line, ran.code, ran.stderr]);
    });
    expect(found).toEqual([]);
    // Nothing of all that was signed.
    expect(
      (await good('signatures list --limit 100')).data.filter((one: any) => one.wallet === place['ETH']),
    ).toEqual([]);
  });

  test('an idempotency key repeats an operation, and is refused for another', async () => {
    const { id: set } = await good('wallet-sets create --name Keys --idempotency-key cli-set');
    expect((await good('wallet-sets create --name Keys --idempotency-key cli-set')).id).toBe(set);
    const reused = await cli('wallet-sets create --name Other --idempotency-key cli-set --json');
    expect([reused.code, reused.error.code]).toEqual([8, 'idempotency_key_reused']);
    const wallet = `wallets create --wallet-set ${set} --blockchains ETH --idempotency-key cli-wallet`;
    const made = await good(wallet);
    expect(await good(wallet)).toEqual(made);
    const sign = `sign --wallet ${made.data[0].id} --kind message --idempotency-key cli-sign --message`;
    const first = await good(`${sign} one`);
    expect(await good(`${sign} one`)).toEqual(first);
    const other = await cli(`${sign} two --json`);
    expect([other.code, other.error.code]).toEqual([8, 'idempotency_key_reused']);
  });

  test('nothing runs: the words say how to start it; a person gets words, a program JSON', async () => {
    const words = await runCli(['wallet-sets', 'list', '--data', empty]);
    expect([words.code, words.stdout]).toEqual([10, '']);
    expect(words.stderr).toContain('Start it with `npm start`');
    const asJson = await runCli(['wallet-sets', 'list', '--data', empty, '--json']);
    expect([asJson.code, asJson.stdout, asJson.error.code]).toEqual([10, '', 'network_error']);
  });
});

test('every command explains itself, without anything running', async () => {
  const overview = await runCli(['--help']);
  expect(overview.code).toBe(0);
  const names = commands.map(({ name }) => name);
  for (const name of names) expect(overview.stdout).toContain(`  ${name} `);
  await inPairs(names, async (name) => {
    const { code, stdout, stderr } = await runCli([...name.split(' '), '--help', '--data', empty]);
    expect([name, code, stderr]).toEqual([name, 0, '']);
    expect(stdout).toContain(`Usage: planbok ${name}`);
    expect(stdout).toContain('--json');
  });
});

describe('npm start and npm run reset', () => {
  const started = new Set<ChildProcess>();
  afterAll(() => {
    for (const { pid } of started) if (pid) process.kill(-pid, 'SIGKILL');
  });

  /** As typed into a shell: a process group of its own, as a terminal makes one. */
  function npm(...args: readonly string[]) {
    const child = spawn('npm', [...args], {
      cwd: root,
      env: cleanEnv(),
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    started.add(child);
    const said = { output: '' };
    const ready = new Promise<void>((done) => {
      const hear = (data: Uint8Array) => {
        said.output += new TextDecoder().decode(data);
        if (/^planbok ready http:\/\/127\.0\.0\.1:\d+$/m.test(said.output)) done();
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.once('close', () => done());
    });
    const ended = new Promise<number>((done) =>
      child.once('close', (code) => {
        started.delete(child);
        done(code ?? -1);
      }),
    );
    return { said, ready, ended, interrupt: () => process.kill(-(child.pid ?? 0), 'SIGINT') };
  }

  test('starts, stays until Ctrl-C, keeps its state, refuses a second one and a taken port, and forgets', async () => {
    const data = newFolder();
    const first = npm('start', '--', '--port', '0', '--data', data);
    await first.ready;
    expect(first.said.output).toContain('planbok ready');
    const run = JSON.parse(readFileSync(join(data, 'run.json'), 'utf8'));
    const set = await runCli(['wallet-sets', 'create', '--name', 'Kept', '--data', data, '--json']);
    const made = await runCli([
      'wallets',
      'create',
      '--wallet-set',
      set.json.id,
      '--blockchains',
      'ETH',
      '--data',
      data,
      '--json',
    ]);
    const proof = await runCli(['wallets', 'proof', made.json.data[0].id, '--data', data, '--json']);

    const second = npm('start', '--', '--port', '0', '--data', data);
    const taken = npm('start', '--', '--port', new URL(run.api).port, '--data', empty);
    expect([await second.ended, await taken.ended]).toEqual([1, 1]);
    expect(second.said.output).toContain(`another planbok (process ${run.pid}) runs on`);
    expect(taken.said.output).toContain(`port ${new URL(run.api).port} is in use`);
    const early = npm('run', 'reset', '--', '--data', data);
    expect(await early.ended).toBe(1);
    expect(early.said.output).toContain('is running on');

    first.interrupt();
    await first.ended;
    await gone([run.pid]);
    expect(existsSync(join(data, 'run.json'))).toBe(false);
    const silent = await runCli(['health', '--data', data, '--json']);
    expect([silent.code, silent.error.code]).toEqual([10, 'network_error']);
    // A proof needs nobody: the identities are pinned.
    const kept = join(data, 'proof.json');
    writeFileSync(kept, JSON.stringify(proof.json));
    const offline = await runCli([
      'wallets',
      'verify-address',
      made.json.data[0].id,
      '--file',
      kept,
      '--data',
      data,
      '--json',
    ]);
    expect([offline.code, offline.json?.verified]).toEqual([0, true]);

    const again = npm('start', '--', '--port', '0', '--data', data);
    await again.ready;
    const listed = await runCli(['wallet-sets', 'list', '--data', data, '--json']);
    expect(listed.json.data).toEqual([set.json]);
    again.interrupt();
    await again.ended;
    const reset = npm('run', 'reset', '--', '--data', data);
    expect(await reset.ended).toBe(0);
    expect(existsSync(data)).toBe(false);
  });
});
