import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { base64 } from '@scure/base';
import { type Io, processIo } from '../../cli/io.ts';
import { run } from '../../cli/main.ts';
import { ownerFile } from '../../client/owner.ts';
import { parsePolicy } from '../../shared/policy/policy.ts';
import { noPolicy, type Rule } from '../../shared/policy/rules.ts';
import { household, payOnSolana, shop, solAsset, thief } from '../client/world.ts';

let home: Awaited<ReturnType<typeof household>>;
let data: string;
let set: string;
let wallet: string;
let from: string;
const people: Record<string, { readonly id: string; readonly file: string }> = {};

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** Standard output of `--json`, whatever the exit code. */
  readonly json: any;
  readonly error: any;
}

/** Runs words of a command line; values with spaces are not needed here. */
async function cli(line: string, overrides: Partial<Io> = {}): Promise<Ran> {
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
    fetch: home.reached.fetch,
    sleep: async () => {},
    ...overrides,
  };
  const code = await run(line.split(' '), io);
  const parsed = (text: string) => (line.includes('--json') && text !== '' ? JSON.parse(text) : undefined);
  return { code, out, err, json: parsed(out), error: parsed(err)?.error };
}

const file = (name: string) => join(data, name);
async function fileWith(name: string, content: string): Promise<string> {
  await writeFile(file(name), content);
  return file(name);
}
const policyFile = (rules: readonly Rule[], name = 'policy.json') =>
  fileWith(name, JSON.stringify({ ...noPolicy, rules }));
const payment = (to: string, lamports: number) =>
  fileWith(`${to.slice(0, 6)}-${lamports}.tx`, payOnSolana(from, to, lamports));
/** The words that name a payload. */
const pay = async (to: string, lamports: number) =>
  `--wallet ${wallet} --kind transaction --file ${await payment(to, lamports)}`;
const as = (name: string) => `--credential ${people[name]?.file}`;

beforeAll(async () => {
  home = await household();
  data = await mkdtemp(join(tmpdir(), 'planbok-cli-'));
  await fileWith('run.json', JSON.stringify({ api: home.connection.url, orgId: home.organization }));
  const owner = JSON.stringify(ownerFile(home.organization, home.seed, home.connection.identities));
  await writeFile(file('owner.json'), owner, { mode: 0o600 });
  set = (await cli('wallet-sets create --name Main --key-types ed25519 --json')).json.id;
  const made = await cli(`wallets create --wallet-set ${set} --blockchains SOL --json`);
  [{ id: wallet, address: from }] = made.json.data;
  for (const name of ['bob', 'carol']) {
    const scopes = 'view,create_wallet,sign,approve';
    const added = await cli(
      `members add --name ${name} --role owner --scopes ${scopes} --out ${file(`${name}.json`)} --json`,
    );
    people[name] = { id: added.json.id, file: added.json.file };
  }
});
afterAll(() => rm(data, { recursive: true, force: true }));

let opened = 0;
beforeEach(async () => {
  // The command line looks at the clock of the machine.
  home.reached.world.clockMs = Date.now();
  const open = await fileWith('none.json', JSON.stringify(noPolicy));
  const { json } = await cli(`policies show ${set} --json`);
  const words = `policies set ${set} --file ${open}`;
  if (json.policy?.changes === undefined) return expect((await cli(words)).code).toBe(0);
  const path = file(`open-${opened++}.json`);
  await cli(`${words} --out ${path}`);
  for (const name of ['bob', 'carol']) await cli(`cosign ${path} ${as(name)}`);
  expect((await cli(`submit ${path}`)).code).toBe(0);
});

const shops: Rule = {
  id: 'shops',
  kind: 'destinations',
  destinations: [{ blockchain: 'SOL', address: shop }],
};
const small: Rule = { id: 'small', kind: 'amount', asset: solAsset, max: '9000' };

describe('policies', () => {
  test('are set from a file, listed and shown', async () => {
    const stated = await cli(`policies set ${set} --file ${await policyFile([shops, small])} --json`);
    expect(stated.json).toMatchObject({
      kind: 'policy.set',
      walletSet: set,
      policy: { rules: [shops, small] },
    });
    const listed = await cli('policies list');
    expect(listed.out).toMatch(new RegExp(`${set} +2 +0 +${stated.json.digest}`));
    const { json } = await cli(`policies show ${set} --json`);
    expect(json).toEqual({
      walletSet: set,
      of: set,
      policy: { ...noPolicy, rules: [shops, small] },
      digest: stated.json.digest,
    });
    expect((await cli(`policies show ${set}`)).out).toContain(`"address": "${shop}"`);
    expect((await cli('policies show wset_other')).out).toContain('roles and scopes decide alone');
  });

  test('what is no policy is refused with every problem', async () => {
    const path = await fileWith(
      'wrong.json',
      JSON.stringify({ ...noPolicy, rules: [{ id: 'X', kind: 'kinds' }] }),
    );
    const { code, err } = await cli(`policies set ${set} --file ${path}`);
    expect(code).toBe(3);
    expect(err).toContain('/rules/0/id: must be 1 to 40');
    expect(err).toContain('/rules/0/kinds: is missing');
    for (const [name, text] of [
      ['a.json', '['],
      ['b.json', '[]'],
    ] as const) {
      const refused = await cli(`policies set ${set} --file ${await fileWith(name, text)} --json`);
      expect([refused.code, refused.error.code]).toEqual([2, 'usage']);
    }
    expect((await cli(`policies set ${set} --file /nowhere/x`)).err).toContain('/nowhere/x cannot be read');
  });

  test('a dry run says what happens and why, of the policy in force and of a draft', async () => {
    const draft = await policyFile([shops, small], 'draft.json');
    const [good, bad] = [await pay(shop, 5), await pay(thief, 5000)];
    expect((await cli(`policies test ${bad}`)).code).toBe(0);
    const denied = await cli(`policies test ${bad} --policy ${draft}`);
    expect([denied.code, denied.out]).toEqual([
      12,
      [
        'policy: denied',
        `  - destination_not_allowed: rule shops: ${thief} (limit: 1 destinations on SOL)`,
        '  - amount_exceeded: rule small: 10000 (limit: 9000)',
        `  spends 10000 of ${solAsset}`,
        '',
      ].join('\n'),
    ]);
    const asJson = await cli(`policies test ${bad} --policy ${draft} --json`);
    expect([asJson.code, asJson.json.outcome, asJson.json.reasons.length]).toEqual([12, 'deny', 2]);
    expect(await cli(`policies test ${good} --policy ${draft}`)).toMatchObject({
      code: 0,
      out: expect.stringContaining('policy: allowed'),
    });
    expect((await cli(`policies test ${good} --policy ${await fileWith('b.json', '[]')}`)).code).toBe(2);
    const readStdin = async () => new TextEncoder().encode(await readFile(draft, 'utf8'));
    expect((await cli(`policies test ${bad} --policy -`, { readStdin })).code).toBe(12);
  });

  test('a denial of the real thing lists each rule, its value and its limit', async () => {
    await cli(`policies set ${set} --file ${await policyFile([shops, small])}`);
    const denied = await cli(`sign ${await pay(thief, 5000)}`);
    expect(denied.code).toBe(12);
    expect(denied.err).toContain(
      `/effects/0/to: destination_not_allowed: rule shops: ${thief} (limit: 1 destinations on SOL)\n`,
    );
    expect(denied.err).toContain('/effects: amount_exceeded: rule small: 10000 (limit: 9000)\n');
    const { error } = await cli(`sign ${await pay(thief, 5000)} --json`);
    expect([error.code, error.problems.length]).toEqual(['policy_denied', 2]);
    expect((await cli(`signatures preview ${await pay(thief, 5000)}`)).out).toContain('policy: denied\n');
    expect((await cli(`sign ${await pay(shop, 5)}`)).code).toBe(0);
  });

  test('the policy in the help is one', async () => {
    for (const name of ['set', 'test']) {
      const { out } = await cli(`policies ${name} --help`);
      const example = out.slice(out.indexOf('\n{\n'), out.indexOf('\n}\n') + 3);
      expect(parsePolicy(JSON.parse(example)).rules).toHaveLength(3);
    }
  });
});

describe('statements that several sign', () => {
  const changes = async (required: string, ...names: string[]) => {
    const approvers = names.map((name) => people[name]?.id ?? '');
    const text = JSON.stringify({ ...noPolicy, rules: [shops], changes: { required, approvers } });
    expect((await cli(`policies set ${set} --file ${await fileWith('guarded.json', text)}`)).code).toBe(0);
  };
  const drafted = async (name: string) => {
    const path = await policyFile([shops, small], 'next.json');
    const made = await cli(`policies set ${set} --file ${path} --out ${file(name)} --json`);
    expect(made.json).toMatchObject({ file: file(name), draft: { type: 'planbok/statement-draft/v1' } });
    return file(name);
  };

  test('a change of a guarded policy is shown in words, cosigned in files and submitted', async () => {
    await changes('2', 'bob', 'carol');
    const path = await drafted('change-1.json');
    expect((await cli(`policies set ${set} --file ${file('next.json')}`)).code).toBe(13);
    expect((await cli(`submit ${path}`)).code).toBe(13);
    const shown = await cli(`cosign ${path} --show ${as('carol')}`);
    expect(shown.out.split('\n').filter((line) => /^[-+ ] /.test(line))).toEqual([
      `- changes with an Owner and 2 of ${people['bob']?.id}, ${people['carol']?.id}`,
      `  rule shops: only to ${shop} on SOL`,
      `+ rule small: at most 9000 of ${solAsset} at once`,
      '+ changes with an Owner alone',
    ]);
    expect((await cli(`cosign ${path}`)).code).toBe(5);
    const [byBob, byCarol] = [file('change-1-bob.json'), file('change-1-carol.json')];
    const bob = await cli(`cosign ${path} --out ${byBob} ${as('bob')}`);
    expect([bob.code, bob.err]).toEqual([0, expect.stringContaining('+ rule small')]);
    expect((await cli(`cosign ${path} --out ${byBob} ${as('bob')}`)).err).toContain('is there already');
    expect((await cli(`cosign ${path} --out ${byCarol} ${as('carol')} --json`)).json.file).toBe(byCarol);
    expect((await cli(`submit ${byBob}`)).code).toBe(13);
    const sent = await cli(`submit ${path} --cosigned ${byBob} --cosigned ${byCarol} --json`);
    expect(sent.json).toMatchObject({ kind: 'policy.set' });
    expect((await cli(`policies show ${set} --json`)).json.policy.rules).toEqual([shops, small]);
    const again = await cli(`submit ${path} --cosigned ${byBob} --cosigned ${byCarol} --json`);
    expect([again.code, again.error.code]).toEqual([7, 'statement_conflict']);
    expect(again.error.message).toContain('it has to be made and signed again');
  });

  test('one file goes from hand to hand, and is over when the registry moves on', async () => {
    await changes('2', 'bob', 'carol');
    const path = await drafted('change-2.json');
    for (const name of ['bob', 'carol']) expect((await cli(`cosign ${path} ${as(name)}`)).code).toBe(0);
    expect(JSON.parse(await readFile(path, 'utf8')).cosignatures).toHaveLength(2);
    await cli('members add --name dave --role member');
    expect((await cli(`submit ${path}`)).err).toContain('it has to be made and signed again');
    const next = await drafted('change-3.json');
    for (const name of ['bob', 'carol']) await cli(`cosign ${next} ${as(name)}`);
    expect((await cli(`submit ${next}`)).code).toBe(0);
    for (const [name, text] of [
      ['no-draft.json', '{}'],
      ['later.json', JSON.stringify({ type: 'planbok/statement-draft/v2' })],
    ] as const)
      expect((await cli(`cosign ${await fileWith(name, text)} ${as('bob')}`)).code).toBe(2);
  });

  test('a member who lost their key makes another one, which two others state', async () => {
    const erin = (await cli(`members add --name erin --role member --out ${file('erin.json')} --json`)).json;
    const made = await cli(`credentials make --out ${file('erin-2.json')} --json`);
    expect((await stat(file('erin-2.json'))).mode & 0o777).toBe(0o600);
    const words = `members recover ${erin.id} --public-key ${made.json.publicKey} --scopes view,sign`;
    const path = file('recovery.json');
    expect((await cli(`${words} --out ${path}`)).out).toContain('planbok cosign');
    const cosigned = await cli(`cosign ${path} ${as('bob')}`);
    expect(cosigned.err).toContain(`a new credential for ${erin.id} (erin, member)`);
    expect((await cli(`submit ${path}`)).code).toBe(0);
    const early = await cli(`org show --credential ${file('erin-2.json')} --json`);
    expect(early.error.code).toBe('credential_inactive');
    const [pending] = (await cli('credentials list --json')).json.data.filter(
      (one: any) => one.id === made.json.id,
    );
    expect(Date.parse(pending.from) - Date.parse(pending.added)).toBe(48 * 3_600_000);
    const { organization, identities } = JSON.parse(await readFile(file('erin.json'), 'utf8'));
    const bare = `credentials make --organization ${organization} --node1 ${identities.node1}`;
    expect((await cli(`${bare} --out ${file('x.json')}`)).code).toBe(2);
    const elsewhere = await cli(
      `${bare} --node2 ${identities.node2} --out ${file('x.json')} --credential /nowhere --json`,
    );
    expect(elsewhere.json).toMatchObject({ algorithm: 'ed25519', file: file('x.json') });
  });

  test('scopes are set, and ownership goes over', async () => {
    const frank = (await cli(`members add --name frank --role member --out ${file('frank.json')} --json`))
      .json;
    const given = await cli(`scopes set ${frank.id} ${set} --scopes view,sign --json`);
    expect(given.json).toMatchObject({ kind: 'wallet_set.scopes', scopes: ['view', 'sign'] });
    expect((await cli(`sign ${await pay(shop, 5)} --credential ${file('frank.json')}`)).code).toBe(0);
    expect((await cli(`scopes set ${frank.id} ${set} --scopes none`)).out).toContain('nothing');
    expect((await cli(`sign ${await pay(shop, 5)} --credential ${file('frank.json')}`)).code).toBe(6);
    expect((await cli(`scopes set ${frank.id} ${set} --scopes fly`)).code).toBe(2);
    const words = `org transfer-ownership ${frank.id} --role`;
    expect((await cli(`${words} owner ${as('carol')}`)).code).toBe(2);
    expect((await cli(`${words} admin ${as('carol')} --json`)).json).toMatchObject({ owner: frank.id });
    const { json } = await cli('members list --json');
    const roles = Object.fromEntries(json.data.map(({ id, role }: any) => [id, role]));
    expect([roles[frank.id], roles[people['carol']?.id ?? '']]).toEqual(['owner', 'admin']);
    const back = `members role ${people['carol']?.id} owner`;
    expect((await cli(back)).code).toBe(0);
  });
});

describe('approvals', () => {
  const twoOfThree = async () => {
    const { json } = await cli('members list --json');
    const approvers = json.data.map(({ id }: any) => id).slice(0, 3);
    const rule: Rule = { id: 'two', kind: 'approvals', required: '2', approvers };
    await cli(`policies set ${set} --file ${await policyFile([rule])}`);
  };
  let count = 0;
  const approveAs = async (name: string, words: string, more = '') => {
    const out = file(`approval-${count++}.json`);
    const ran = await cli(`approve ${words} --out ${out} ${as(name)}${more}`);
    return { ...ran, file: out };
  };

  test('two of three: each prints what it does first, and goes along in a file', async () => {
    await twoOfThree();
    const words = `${await pay(shop, 5)} --idempotency-key pay-1`;
    expect((await cli(`policies test ${words}`)).code).toBe(13);
    const without = await cli(`sign ${words}`);
    expect([without.code, without.err]).toEqual([
      13,
      expect.stringContaining('approvals_missing: rule two: 0 (limit: 2 of 3 approvers)'),
    ]);
    expect(without.err).toContain('--idempotency-key pay-1');
    const bob = await approveAs('bob', words);
    expect(bob.code).toBe(0);
    expect(bob.err).toContain(`to ${shop}`);
    expect(bob.out).toMatch(/^decision +approve$/m);
    expect((await stat(bob.file)).size).toBeGreaterThan(100);
    const one = await cli(`sign ${words} --approval ${bob.file} --json`);
    expect([one.code, one.error.problems[0].detail]).toEqual([13, expect.stringContaining('rule two: 1')]);
    const carol = await approveAs('carol', words, ' --json');
    expect(carol.json).toMatchObject({
      decision: 'approve',
      file: carol.file,
      intent: { kind: 'transaction' },
    });
    expect(JSON.parse(await readFile(carol.file, 'utf8'))).toEqual(carol.json.approval);
    const both = `${words} --approval ${bob.file} --approval ${carol.file}`;
    expect((await cli(`policies test ${both}`)).code).toBe(0);
    expect((await cli(`signatures preview ${both} --json`)).json).toMatchObject({
      operationDigest: carol.json.operation,
      policy: { outcome: 'allow' },
    });
    const signed = await cli(`sign ${both} --json`);
    expect(signed.json).toMatchObject({ state: 'completed', wallet });
    expect(base64.decode(signed.json.signedTransaction).length).toBeGreaterThan(64);
  });

  test('of the server: what is kept is shown, approved, rejected, cancelled and gone on with', async () => {
    await twoOfThree();
    const keep = async (key: string) => {
      const ran = await cli(`sign ${await pay(shop, 5)} --idempotency-key ${key} --json`);
      expect([ran.code, ran.error.code]).toEqual([13, 'approval_required']);
      return ran.error.approval.id as string;
    };
    const id = await keep('kept-1');
    const again = await cli(`sign ${await pay(shop, 5)} --idempotency-key kept-1`);
    expect(again.err).toContain(`planbok approvals approve ${id}`);
    expect(again.err).toContain(`planbok approvals continue ${id}`);
    expect((await cli(`approvals list --state pending_approval --wallet ${wallet}`)).out).toContain(id);
    expect((await cli('approvals list --state denied --json')).json.data).toEqual([]);
    expect((await cli('approvals list --state open')).code).toBe(2);
    const shownTo = await cli(`approvals show ${id} ${as('bob')}`);
    expect(shownTo.out).toContain(`to ${shop}`);
    expect(shownTo.out).toContain('rule two has 0 of 2');
    const approved = await cli(`approvals approve ${id} ${as('bob')}`);
    expect([approved.code, approved.err]).toEqual([0, expect.stringContaining(`to ${shop}`)]);
    expect(approved.out).toContain(`rule two has 1 of 2: ${people['bob']?.id}`);
    expect((await cli(`approvals continue ${id}`)).code).toBe(13);
    expect((await cli(`approvals approve ${id} ${as('carol')} --json`)).json.state).toBe('approved');
    expect((await cli(`approvals continue ${id} --json`)).json).toMatchObject({ state: 'completed', wallet });
    expect((await cli(`approvals show ${id}`)).out).toMatch(/^state +completed$/m);

    const refused = await keep('kept-2');
    expect((await cli(`approvals reject ${refused} ${as('carol')}`)).out).toMatch(/^state +denied$/m);
    expect((await cli(`approvals continue ${refused} --wait 4`)).code).toBe(12);
    const taken = await keep('kept-3');
    expect((await cli(`approvals cancel ${taken} ${as('bob')}`)).code).toBe(5);
    expect((await cli(`approvals cancel ${taken} --json`)).json.state).toBe('cancelled');
    expect((await cli(`approvals continue ${taken} --json`)).error.code).toBe('approval_closed');
    const bare = await cli(`sign ${await pay(shop, 5)} --no-hold --json`);
    expect([bare.code, bare.error.approval]).toEqual([13, undefined]);
    expect((await cli(`sign ${await pay(shop, 5)} --no-hold --hold 1h`)).code).toBe(2);
    expect((await cli(`sign ${await pay(shop, 5)} --hold 8d`)).code).toBe(2);
    const short = await cli(`sign ${await pay(shop, 5)} --hold 1h --wait 2 --json`);
    const { created, expires } = short.error.approval;
    expect(Date.parse(expires) - Date.parse(created)).toBe(3_600_000);
  });

  test("one's own does not count, and one of another operation is refused", async () => {
    await twoOfThree();
    const words = `${await pay(shop, 5)} --idempotency-key pay-2`;
    const [bob, carol] = [await approveAs('bob', words), await approveAs('carol', words)];
    const own = await cli(`sign ${words} --approval ${bob.file} --approval ${carol.file} ${as('bob')}`);
    expect(own.code).toBe(13);
    expect(own.err).toContain('nobody approves their own request');
    for (const other of [
      `${await pay(thief, 5)} --idempotency-key pay-2`,
      `${await pay(shop, 5)} --idempotency-key pay-3`,
    ]) {
      const wrong = await cli(`sign ${other} --approval ${bob.file} --json`);
      expect([wrong.code, wrong.error.code]).toEqual([4, 'authorisation_mismatch']);
    }
  });

  test('--reject is a word too', async () => {
    await twoOfThree();
    const words = `${await pay(shop, 5)} --idempotency-key pay-4`;
    const [bob, carol] = [
      await approveAs('bob', words, ' --reject'),
      await approveAs('carol', words, ' --reject'),
    ];
    expect(bob.out).toMatch(/^decision +reject$/m);
    const denied = await cli(`sign ${words} --approval ${bob.file} --approval ${carol.file}`);
    expect([denied.code, denied.err]).toEqual([12, expect.stringContaining('approvals_rejected: rule two')]);
  });

  test('what cannot be is a usage error, and no file is overwritten', async () => {
    const words = await pay(shop, 5);
    expect((await cli(`approve ${words} --out x`)).err).toContain('--idempotency-key is missing');
    expect((await cli(`approve ${words} --idempotency-key k`)).err).toContain('--out is missing');
    const there = await cli(`approve ${words} --idempotency-key k --out ${file('run.json')}`);
    expect([there.code, there.err]).toEqual([2, expect.stringContaining('is there already')]);
    const noKey = await cli(`sign ${words} --approval ${file('run.json')}`);
    expect([noKey.code, noKey.err]).toEqual([2, expect.stringContaining('--idempotency-key')]);
    const none = await cli(`sign ${words} --idempotency-key k --approval ${file('run.json')}`);
    expect([none.code, none.err]).toEqual([2, expect.stringContaining('is not an approval')]);
  });
});
