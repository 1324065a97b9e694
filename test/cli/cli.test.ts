import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { base64 } from '@scure/base';
import {
  parseTransaction,
  recoverMessageAddress,
  recoverTransactionAddress,
  serializeTransaction,
} from 'viem';
import { exitCodeOf, exitCodes } from '../../cli/exit-codes.ts';
import { type Io, processIo } from '../../cli/io.ts';
import { commands, run } from '../../cli/main.ts';
import { payloadOf } from '../../cli/payload.ts';
import { ed25519Key } from '../../client/credential.ts';
import { clientCodes } from '../../client/errors.ts';
import { ownerFile } from '../../client/owner.ts';
import { found } from '../../client/planbok.ts';
import { toHex, utf8 } from '../../shared/bytes.ts';
import { CustodyError, type ErrorCode, errorCodes } from '../../shared/errors.ts';
import { problemOf } from '../../shared/wire/problem.ts';
import { fakeApi } from '../client/fake-api.ts';

const seed = new Uint8Array(32).fill(5);
const url = 'http://127.0.0.1:9';
let data: string;
let api: ReturnType<typeof fakeApi>;
let organization: string;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'planbok-cli-'));
  api = fakeApi();
  const connection = { url, fetch: api.fetch, identities: api.identities };
  const founded = await found(connection, {
    name: 'Acme',
    owner: { name: 'Ada', credential: ed25519Key(seed) },
  });
  organization = founded.id;
  await writeFile(
    join(data, 'run.json'),
    JSON.stringify({ api: url, orgId: organization, pid: process.pid }),
  );
  const owner = JSON.stringify(ownerFile(organization, seed, api.identities));
  await writeFile(join(data, 'owner.json'), owner, { mode: 0o600 });
});
afterAll(() => rm(data, { recursive: true, force: true }));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Parsed standard output, of `--json`. */
  readonly json: Record<string, never> & { data: Record<string, string>[]; id: string };
  readonly error: { code: string; message: string; [member: string]: unknown };
}

async function cli(args: readonly string[], overrides: Partial<Io> = {}): Promise<Ran> {
  let [out, err] = ['', ''];
  const io: Io = {
    ...processIo,
    env: { PLANBOK_DATA: data },
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    fetch: api.fetch,
    sleep: async () => {},
    ...overrides,
  };
  const code = await run(args, io);
  const json = args.includes('--json') && code === 0 ? JSON.parse(out) : {};
  const error = args.includes('--json') && err !== '' ? JSON.parse(err).error : {};
  return { code, out, err, json, error };
}

async function fileWith(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(data, name);
  await writeFile(path, content);
  return path;
}

async function walletsFor(blockchains: string): Promise<string[]> {
  const set = await cli([
    'wallet-sets',
    'create',
    '--name',
    'Main',
    '--custody',
    'standard',
    '--key-types',
    'secp256k1,ed25519',
    '--json',
  ]);
  const made = await cli([
    'wallets',
    'create',
    '--wallet-set',
    set.json.id,
    '--blockchains',
    blockchains,
    '--json',
  ]);
  return made.json.data.map(({ id }) => id ?? '');
}

describe('the contract', () => {
  test('wallet-sets create, wallets create, sign, verify-address answer in the promised form', async () => {
    const set = await cli([
      'wallet-sets',
      'create',
      '--name',
      'Main',
      '--custody',
      'standard',
      '--key-types',
      'secp256k1,ed25519',
      '--json',
    ]);
    expect(set.code).toBe(0);
    expect(set.json).toMatchObject({
      id: expect.stringMatching(/^wset_/),
      custody: 'standard',
      keyTypes: ['secp256k1', 'ed25519'],
      state: 'active',
      publicKeys: {
        secp256k1: expect.stringMatching(/^0[23][0-9a-f]{64}$/),
        ed25519: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    });
    expect(set.err).toBe('');

    const made = await cli([
      'wallets',
      'create',
      '--wallet-set',
      set.json.id,
      '--blockchains',
      'ETH,BTC,SOL',
      '--json',
    ]);
    expect(made.json.data.map((w) => w['blockchain'])).toEqual(['ETH', 'BTC', 'SOL']);
    for (const wallet of made.json.data)
      expect(Object.keys(wallet)).toEqual(
        expect.arrayContaining(['id', 'blockchain', 'address', 'publicKey', 'path']),
      );
    const [eth] = made.json.data;

    const signed = await cli([
      'sign',
      '--wallet',
      eth?.['id'] ?? '',
      '--kind',
      'message',
      '--message',
      'hello',
      '--json',
    ]);
    expect(signed.json).toMatchObject({
      id: expect.stringMatching(/^sig_/),
      state: 'completed',
      auditEventId: expect.any(String),
    });
    const signature = signed.json['signature'] as unknown as `0x${string}`;
    expect(await recoverMessageAddress({ message: 'hello', signature })).toBe(eth?.['address']);

    const checked = await cli(['wallets', 'verify-address', eth?.['id'] ?? '', '--json']);
    expect(checked.json).toMatchObject({ verified: true, address: eth?.['address'], wallet: eth?.['id'] });
  });

  test('an EVM transaction is signed from hex, and from a JSON request', async () => {
    const [eth = ''] = await walletsFor('ETH');
    const to = '0x70997970C51812dc3A010C7d01b50e0d17dc79C8';
    const request = {
      to,
      value: '1000000000000000000',
      nonce: 7,
      gas: 21000,
      maxFeePerGas: '20000000000',
      maxPriorityFeePerGas: '0x1',
    };
    const asJson = await fileWith('tx.json', JSON.stringify(request));
    const hex = serializeTransaction({
      chainId: 1,
      to,
      value: 10n ** 18n,
      nonce: 7,
      gas: 21_000n,
      maxFeePerGas: 20_000_000_000n,
      maxPriorityFeePerGas: 1n,
    });
    const asHex = await fileWith('tx.hex', `${hex}\n`);
    const results: `0x02${string}`[] = [];
    for (const file of [asJson, asHex]) {
      const { json } = await cli([
        'sign',
        '--wallet',
        eth,
        '--kind',
        'transaction',
        '--file',
        file,
        '--json',
      ]);
      results.push(json['signedTransaction'] as unknown as `0x02${string}`);
    }
    const [first, second] = results;
    if (!first) throw new Error('nothing was signed');
    expect(first).toBe(second);
    expect(parseTransaction(first)).toMatchObject({ chainId: 1, nonce: 7, value: 10n ** 18n });
    const address = (await cli(['wallets', 'get', eth, '--json'])).json['address'];
    expect(await recoverTransactionAddress({ serializedTransaction: first })).toBe(address);
  });

  test('standard input is a file too', async () => {
    const [eth = ''] = await walletsFor('ETH');
    const typed = {
      domain: { name: 'x', chainId: 1 },
      types: { M: [{ name: 'a', type: 'uint256' }] },
      primaryType: 'M',
      message: { a: '5' },
    };
    const readStdin = async () => utf8(JSON.stringify(typed));
    const { json } = await cli(['sign', '--wallet', eth, '--kind', 'typed_data', '--file', '-', '--json'], {
      readStdin,
    });
    expect(json['signature']).toMatch(/^0x[0-9a-f]{130}$/);
  });
});

describe('what people read', () => {
  test('every command has help, which names its options', async () => {
    for (const { name, options = {} } of commands) {
      for (const args of [
        [...name.split(' '), '--help'],
        [...name.split(' '), '-h'],
        ['help', ...name.split(' ')],
      ]) {
        const { code, out } = await cli(args);
        expect(code).toBe(0);
        for (const option of Object.keys(options)) expect(out).toContain(`--${option}`);
        expect(out).toContain(`Usage: planbok ${name}`);
      }
    }
  });

  test('the overview lists every command and every exit code', async () => {
    for (const args of [[], ['help'], ['--help'], ['-h']]) {
      const { code, out } = await cli(args);
      expect(code).toBe(0);
      for (const { name } of commands) expect(out).toContain(name);
      for (const meaning of Object.values(exitCodes)) expect(out).toContain(meaning);
    }
    const within = await cli(['wallets', '--help']);
    expect([within.code, within.out.includes('verify-address'), within.out.includes('wallet-sets')]).toEqual([
      0,
      true,
      false,
    ]);
    expect((await cli(['wallets'])).code).toBe(2);
  });

  test('results are tables and fields, and slow work says on standard error what it is at', async () => {
    const [eth = ''] = await walletsFor('ETH');
    const signed = await cli(['sign', '--wallet', eth, '--kind', 'message', '--message', 'hello']);
    expect(signed.out).toContain('Sign the message “hello” on Ethereum');
    expect(signed.err).toContain('The nodes sign together');
    const got = await cli(['signatures', 'get', /id +(\S+)/.exec(signed.out)?.[1] ?? '']);
    expect(got.out).toBe(signed.out);
    for (const args of [
      ['wallets', 'list'],
      ['wallet-sets', 'list'],
      ['signatures', 'list', '--limit', '3'],
      ['org', 'show'],
      ['chains'],
      ['health'],
      ['wallets', 'get', eth],
    ])
      expect(await cli(args)).toMatchObject({ code: 0, out: expect.stringMatching(/\S\n$/) });
    const listed = await cli(['wallets', 'list', '--limit', '1', '--json']);
    expect(listed.json.data).toHaveLength(1);
    const verified = await cli(['wallets', 'verify-address', eth]);
    expect(verified.out).toContain('Node 2 signed it');
  });

  test('a name cannot move the cursor of whoever lists it', async () => {
    api.mischief.answer = (name, value) =>
      name === 'getOrganization' ? { ...value, name: '\u001b[2Jx\u202e' } : value;
    const { out } = await cli(['org', 'show']);
    delete api.mischief.answer;
    expect(out).toContain('\\u{1b}[2Jx\\u{202e}');
  });

  test('a preview shows what a payload does, and signs nothing', async () => {
    const [eth = ''] = await walletsFor('ETH');
    const before = api.signatures.size;
    const { out, code } = await cli([
      'signatures',
      'preview',
      '--wallet',
      eth,
      '--kind',
      'message',
      '--message',
      'hello',
    ]);
    expect([code, api.signatures.size]).toEqual([0, before]);
    expect(out).toContain('EIP-191');
    const { json } = await cli([
      'signatures',
      'preview',
      '--wallet',
      eth,
      '--kind',
      'message',
      '--message',
      'hello',
      '--json',
    ]);
    expect(Object.keys(json)).toEqual(['operation', 'operationDigest', 'intent', 'toSign', 'idempotencyKey']);
  });
});

describe('offline', () => {
  test('a proof that was kept is checked without any network, and a changed one is refused', async () => {
    const [eth = ''] = await walletsFor('ETH');
    const proof = await cli(['wallets', 'proof', eth]);
    const file = await fileWith('proof.json', proof.out);
    const dead: Partial<Io> = { fetch: () => Promise.reject(new TypeError('no network')) };
    expect((await cli(['wallets', 'verify-address', eth, '--file', file], dead)).code).toBe(0);
    const changed = await fileWith('changed.json', proof.out.replaceAll('"m/44/0/', '"m/44/0/1'));
    const refused = await cli(['wallets', 'verify-address', eth, '--file', changed, '--json'], dead);
    expect([refused.code, refused.error.code]).toEqual([11, 'proof_invalid']);
    const other = await cli(['wallets', 'verify-address', 'wal_other', '--file', file, '--json'], dead);
    expect(other.error.code).toBe('proof_invalid');
    const junk = await fileWith('junk.json', '{}');
    expect((await cli(['wallets', 'verify-address', eth, '--file', junk], dead)).code).toBe(11);
  });
});

describe('errors', () => {
  test.each([
    ['an unknown command', ['walets', 'list'], 2, 'usage'],
    ['an unknown option', ['chains', '--colour'], 2, 'usage'],
    ['a missing option', ['wallet-sets', 'create'], 2, 'usage'],
    ['a missing argument', ['wallets', 'get'], 2, 'usage'],
    ['one argument too many', ['wallets', 'get', 'a', 'b'], 2, 'usage'],
    ['an unknown key type', ['wallet-sets', 'create', '--name', 'x', '--key-types', 'rsa'], 2, 'usage'],
    ['an empty list', ['wallets', 'create', '--wallet-set', 'x', '--blockchains', 'ETH,'], 2, 'usage'],
    [
      'a count that is none',
      ['wallets', 'create', '--wallet-set', 'x', '--blockchains', 'ETH', '--count', '0'],
      2,
      'usage',
    ],
    ['an unknown kind', ['sign', '--wallet', 'x', '--kind', 'poem', '--message', 'x'], 2, 'usage'],
    ['neither message nor file', ['sign', '--wallet', 'x', '--kind', 'message'], 2, 'usage'],
    [
      'a file that is not there',
      ['sign', '--wallet', 'x', '--kind', 'psbt', '--file', '/nowhere/x'],
      2,
      'usage',
    ],
    [
      'another custody model',
      ['wallet-sets', 'create', '--name', 'x', '--custody', 'trustless'],
      8,
      'custody_unsupported',
    ],
    [
      'an unknown blockchain',
      ['wallets', 'create', '--wallet-set', 'x', '--blockchains', 'DOGE'],
      8,
      'blockchain_unsupported',
    ],
    [
      'an unknown wallet set',
      ['wallets', 'create', '--wallet-set', 'wset_x', '--blockchains', 'ETH'],
      6,
      'wallet_set_not_found',
    ],
    ['an unknown wallet', ['wallets', 'get', 'wal_x'], 6, 'wallet_not_found'],
    ['something that is no id', ['wallets', 'get', 'a b'], 3, 'request_invalid'],
    ['an unknown signature', ['signatures', 'get', 'sig_x'], 6, 'signature_not_found'],
    [
      'a wallet that cannot be',
      ['sign', '--wallet', 'wal_x', '--kind', 'message', '--message', 'x'],
      6,
      'wallet_not_found',
    ],
  ])('%s', async (_, args, code, name) => {
    const asJson = await cli([...args, '--json']);
    expect([asJson.code, asJson.error.code, asJson.out]).toEqual([code, name, '']);
    const asText = await cli(args);
    expect([asText.code, asText.out]).toEqual([code, '']);
    expect(asText.err).toContain('planbok: ');
  });

  test('an idempotency key that stood for something else is a conflict of its own', async () => {
    const [eth = ''] = await walletsFor('ETH');
    const sign = (text: string) =>
      cli([
        'sign',
        '--wallet',
        eth,
        '--kind',
        'message',
        '--message',
        text,
        '--idempotency-key',
        'cli-1',
        '--json',
      ]);
    const [first, again, other] = [await sign('a'), await sign('a'), await sign('b')];
    expect(again.json).toEqual(first.json);
    expect([other.code, other.error.code]).toEqual([8, 'idempotency_key_reused']);
  });

  test('a payload of the wrong kind or chain is refused before anything is asked', async () => {
    const [sol = '', eth = ''] = await walletsFor('SOL,ETH');
    const file = await fileWith('x.json', '{}');
    const code = async (args: string[]) => (await cli([...args, '--json'])).error.code;
    expect(await code(['sign', '--wallet', sol, '--kind', 'typed_data', '--file', file])).toBe(
      'kind_unsupported',
    );
    expect(await code(['sign', '--wallet', eth, '--kind', 'psbt', '--file', file])).toBe('kind_unsupported');
    expect(await code(['sign', '--wallet', eth, '--kind', 'transaction', '--file', file])).toBe('usage');
    const twice = await fileWith('twice.json', '{"to":"0x","to":"0x"}');
    expect(await code(['sign', '--wallet', eth, '--kind', 'transaction', '--file', twice])).toBe(
      'json_invalid',
    );
  });

  test('when nothing runs here, the error says how to start it', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'planbok-empty-'));
    const none = await cli(['org', 'show', '--data', empty, '--json'], { env: {} });
    expect([none.code, none.error.code]).toEqual([10, 'network_error']);
    expect(none.error.message).toContain('npm start');
    await writeFile(join(empty, 'run.json'), JSON.stringify({ api: url, orgId: organization, pid: 1 }));
    const keyless = await cli(['org', 'show', '--data', empty, '--json']);
    expect([keyless.code, keyless.error.message]).toEqual([4, expect.stringContaining('owner.json')]);
    await writeFile(join(empty, 'owner.json'), '{"seed":"c2VjcmV0"}');
    const broken = await cli(['org', 'show', '--data', empty]);
    expect(broken.code).toBe(4);
    expect(broken.err).not.toContain('c2VjcmV0');
    await rm(empty, { recursive: true });
  });

  test('when it has stopped, the error says so', async () => {
    const fetch = () => Promise.reject(new TypeError('fetch failed'));
    const quick = { fetch, alive: () => false };
    const { code, err } = await cli(['health'], quick);
    expect(code).toBe(10);
    expect(err).toMatch(/process \d+ is gone.*npm start/s);
    expect((await cli(['health'], { fetch, alive: () => true })).err).toContain('still starting');
  });

  test('an owner file of another organization is refused', async () => {
    const other = await mkdtemp(join(tmpdir(), 'planbok-other-'));
    await writeFile(join(other, 'run.json'), JSON.stringify({ api: url, orgId: `org_${'b'.repeat(52)}` }));
    await writeFile(join(other, 'owner.json'), JSON.stringify(ownerFile(organization, seed, api.identities)));
    expect((await cli(['org', 'show', '--data', other])).err).toContain('but what runs here is of');
    await rm(other, { recursive: true });
  });

  test('what is not expected is a fault of this program, without a stack', async () => {
    const modeOf = () => Promise.reject(new RangeError('odd'));
    const { code, out } = await cli(['doctor'], { modeOf });
    expect([code, out.includes('FAIL'), out.includes('    at ')]).toEqual([1, true, false]);
  });

  test('the faults of a request are listed with their pointers', async () => {
    const problem = problemOf(
      new CustodyError('request_invalid', 'no', { problems: [{ pointer: '/name', detail: 'too long' }] }),
      { instance: '/', requestId: 'req_7' },
    );
    api.mischief.before = () => new Response(JSON.stringify(problem), { status: 400 });
    const { code, err } = await cli(['org', 'show']);
    delete api.mischief.before;
    expect(code).toBe(3);
    expect(err).toContain('/name: too long');
    expect(err).toContain('req_7');
  });

  test('every code of the table has an exit code that the help explains', () => {
    for (const code of [...Object.keys(errorCodes), ...Object.keys(clientCodes)] as ErrorCode[]) {
      const exit = exitCodeOf(code);
      expect(exit).toBeGreaterThan(2);
      expect(exitCodes[exit]).toBeDefined();
    }
  });
});

describe('doctor', () => {
  test('finds nothing wrong with what is right', async () => {
    const { code, json } = await cli(['doctor', '--json']);
    expect(code).toBe(0);
    expect((json['checks'] as unknown as { ok: boolean }[]).map(({ ok }) => ok)).toEqual(Array(6).fill(true));
  });

  test.each([
    ['an owner file that others can read', { modeOf: async () => 0o644 }, undefined, 'chmod 600'],
    [
      'an API that does not answer',
      { fetch: () => Promise.reject(new TypeError('x')) },
      undefined,
      'no answer from',
    ],
    ['a wrong clock', {}, ['getHealth', { time: '2020-01-01T00:00:00Z' }], 'ahead of the API'],
    ['another node', {}, ['getAttestations', { nodes: [] }], 'do not sign before you know why'],
    ['a credential that is not accepted', {}, ['getOrganization', { id: 'org_other' }], 'org_other'],
  ] as const)(
    'finds %s',
    async (_, io, change, said) => {
      if (change)
        api.mischief.answer = (name, value) => (name === change[0] ? { ...value, ...change[1] } : value);
      const { code, out } = await cli(['doctor'], io as Partial<Io>);
      delete api.mischief.answer;
      expect(code).toBe(1);
      expect(out).toMatch(new RegExp(`FAIL.*${said}`));
    },
    30_000,
  );
});

describe('payload files', () => {
  const file = (content: string | Uint8Array) => ({
    file: typeof content === 'string' ? utf8(content) : content,
  });
  const psbt = Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff, 1, 2, 3);

  test('text, base64, hex and binary come to the same payload', () => {
    for (const form of [
      psbt,
      base64.encode(psbt),
      `${base64.encode(psbt)}\n`,
      toHex(psbt),
      toHex(psbt).toUpperCase(),
    ])
      expect(payloadOf('psbt', 'BTC', file(form))).toEqual({ kind: 'psbt', psbt: base64.encode(psbt) });
    const wire = Uint8Array.of(1, 0, 0, 255, 128);
    for (const form of [wire, base64.encode(wire), ` ${base64.encode(wire)}\n`])
      expect(payloadOf('transaction', 'SOL', file(form))).toEqual({
        kind: 'transaction',
        transaction: base64.encode(wire),
      });
    const digest = new Uint8Array(32).fill(200);
    for (const form of [digest, toHex(digest)])
      expect(payloadOf('raw_digest', 'ETH', file(form))).toEqual({
        kind: 'raw_digest',
        digest: toHex(digest),
      });
    expect(payloadOf('message', 'ETH', file('grüezi'))).toEqual({ kind: 'message', message: 'grüezi' });
    expect(payloadOf('message', 'ETH', file(Uint8Array.of(0xff)))).toEqual({
      kind: 'message',
      messageHex: '0xff',
    });
  });

  test('a message on NEAR is for somebody, and gets a nonce', () => {
    const { nep413 } = payloadOf('message', 'NEAR', { message: 'hi', recipient: 'app.near' });
    expect(nep413).toMatchObject({ message: 'hi', recipient: 'app.near' });
    expect(base64.decode(nep413?.nonce ?? '')).toHaveLength(32);
    const given = { message: 'hi', recipient: 'app.near', nonce: nep413?.nonce };
    expect(payloadOf('message', 'NEAR', file(JSON.stringify(given))).nep413).toEqual(given);
    const source = { message: 'hi', recipient: 'app.near' };
    const nonceOf = (idempotencyKey?: string) =>
      payloadOf('message', 'NEAR', { ...source, idempotencyKey }).nep413?.nonce;
    expect(nonceOf()).not.toBe(nonceOf());
    expect(nonceOf('a')).toBe(nonceOf('a'));
    expect(nonceOf('a')).not.toBe(nonceOf('b'));
    expect(() => payloadOf('message', 'NEAR', { message: 'hi' })).toThrow('--recipient');
    expect(() => payloadOf('message', 'ETH', { message: 'hi', recipient: 'x' })).toThrow('NEAR');
  });

  const request = {
    to: '0x70997970C51812dc3A010C7d01b50e0d17dc79C8',
    nonce: 0,
    gas: 21000,
    maxFeePerGas: '1',
  };
  test.each([
    ['a value in ether', { ...request, value: '0.5' }],
    ['a negative value', { ...request, value: '-1' }],
    ['an unknown member', { ...request, valeu: '1' }],
    ['no nonce', { ...request, nonce: undefined }],
    ['no gas', { ...request, gas: undefined }],
    ['no fee', { ...request, maxFeePerGas: undefined }],
    ['an address that is none', { ...request, to: '0x12' }],
    ['a tip above the fee', { ...request, maxPriorityFeePerGas: '2' }],
  ])('a transaction request with %s is refused', (_, value) => {
    expect(() => payloadOf('transaction', 'ETH', file(JSON.stringify(value)))).toThrow(
      expect.objectContaining({ name: 'UsageError' }),
    );
  });

  test('a transaction request is for the chain of the wallet unless it names one', () => {
    const chainOf = (value: object) => {
      const { transaction = '' } = payloadOf('transaction', 'BASE', file(JSON.stringify(value)));
      return parseTransaction(transaction as `0x02${string}`).chainId;
    };
    expect(chainOf(request)).toBe(8453);
    expect(chainOf({ ...request, chainId: 1 })).toBe(1);
    expect(chainOf({ ...request, maxFeePerGas: undefined, gasPrice: '5' })).toBe(8453);
  });
});

test('the real surroundings read files, modes and processes', async () => {
  expect(await processIo.modeOf(join(data, 'owner.json'))).toBe(0o600);
  expect(await processIo.modeOf(join(data, 'none'))).toBeUndefined();
  expect(processIo.alive(process.pid)).toBe(true);
  expect(processIo.alive(2 ** 22 + 1)).toBe(false);
  expect((await processIo.readFile(join(data, 'run.json'))).length).toBe(
    (await stat(join(data, 'run.json'))).size,
  );
});
