/**
 * Both nodes write down what they do before it leaves them: every change, and what a known actor asked for in
 * vain. Without their logs nothing is signed; both logs together verify, and what is missing is named.
 */
import { beforeAll, describe, expect, test } from '@jest/globals';
import canonicalize from 'canonicalize';
import { exchangeCheckpoints } from '../../functions/audit/exchange.ts';
import { logReader } from '../../functions/audit/proofs.ts';
import { parseCheckpoint } from '../../shared/audit/checkpoint.ts';
import { leafHash, verifyInclusion } from '../../shared/audit/merkle.ts';
import { type AuditRecord, logOf, readRecord, recordBytes, recordId } from '../../shared/audit/record.ts';
import { openPromise, witnessOf } from '../../shared/audit/statements.ts';
import { fromBase64url, toBase64url, utf8 } from '../../shared/bytes.ts';
import type { NodeName } from '../../shared/crypto/attestation.ts';
import { CustodyError } from '../../shared/errors.ts';
import { draft } from '../../shared/registry/head.ts';
import { statementBytes } from '../../shared/registry/statement.ts';
import { exportFiles, type NodeExport, verifyFiles } from '../audit/exports.ts';
import { askSignature, done, type Household, hello, settle } from '../support/ask.ts';
import { type Effect, type Faults, faults } from '../support/faults.ts';
import { fresh, owner, twoNodes, type World } from '../support/two-nodes.ts';

const canonicalText = canonicalize as unknown as (json: unknown) => string;

let world: World;
let home: Household;
let watch: Faults;
/** Stops the audit store of a node from its n-th write on. */
let stopped: { readonly node: NodeName; readonly from: number } | undefined;
let writes = 0;
/** Whose heads do not move: nothing is integrated there. */
let stuck: NodeName | undefined;

const nodes = ['node1', 'node2'] as const;

beforeAll(async () => {
  watch = faults();
  world = await twoNodes({
    wrap: (node, ports) => {
      const { audit } = ports.tables;
      const put: typeof audit.put = async (item, when) => {
        if (stopped?.node === node && writes++ >= stopped.from)
          throw new CustodyError('storage_unavailable', 'stopped');
        if (stuck === node && String(item['id']).endsWith('/head'))
          throw new CustodyError('storage_unavailable', 'stuck');
        return audit.put(item, when);
      };
      return watch.wrap(node, { ...ports, tables: { ...ports.tables, audit: { ...audit, put } } });
    },
  });
  world.wire = watch.wire();
  home = await settle(world, owner(world), ['ETH', 'SOL']);
});

const auditOf = (node: NodeName) => (node === 'node1' ? world.lead.node : world.second).audit;
const exchange = () => exchangeCheckpoints(world.lead.node, world.lead.peer, home.who.organization);

/** Every record of a node, integrated or not, in the order of the log and then of time. */
async function recordsAt(node: NodeName): Promise<readonly AuditRecord[]> {
  await exchange();
  const log = logOf(node, home.who.organization);
  const { store, files } = auditOf(node);
  const head = await store.head(log);
  if (head === undefined) return [];
  const leaves = await logReader(store, files).leaves(log, head, 0, head.size);
  return leaves.map(readRecord);
}
const said = (records: readonly AuditRecord[]) => records.map(({ action, phase }) => `${action} ${phase}`);
const since = async (before: number, node: NodeName) => (await recordsAt(node)).slice(before);

const signature = (name: string) => askSignature(home.who, home.wallets[name], hello(name));

test('every change has its intent and its outcome at both nodes, under the same operation', async () => {
  for (const name of ['ETH', 'SOL']) await done(world.fetch(await signature(name)));
  const [one, two] = [await recordsAt('node1'), await recordsAt('node2')];
  for (const action of ['found', 'create_wallet_set', 'self_test', 'create_wallets', 'sign']) {
    const of = (records: readonly AuditRecord[], phase: string) =>
      records
        .filter((record) => record.action === action && record.phase === phase)
        .map(({ operation }) => operation)
        .sort();
    expect([action, of(one, 'intent').length]).not.toEqual([action, 0]);
    for (const phase of ['intent', 'outcome'] as const) {
      expect([action, phase, of(one, phase)]).toEqual([action, phase, of(two, phase)]);
      expect([action, of(one, phase)]).toEqual([action, of(one, 'intent')]);
    }
  }
  for (const { actor, role, action } of [...one, ...two])
    if (action === 'sign') expect([home.who.keyId.split('/')[1], 'owner']).toEqual([actor, role]);
});

test('an answer names its record, with a promise; the record is durable before the first message', async () => {
  const asked = await signature('ETH');
  watch.begin();
  const body = await done(world.fetch(asked));
  const at = (node: Effect['node'], name: string) =>
    watch.trace.findIndex((effect) => effect.node === node && effect.name === name);
  expect(at('node1', 'audit.put')).toBeGreaterThanOrEqual(0);
  expect(at('node1', 'audit.put')).toBeLessThan(at('node1', 'Sign1'));
  expect(at('node2', 'audit.put')).toBeLessThan(at('node1', 'Sign2'));
  const log = logOf('node1', home.who.organization);
  const stored = await auditOf('node1').store.find(log, body.auditEventId.replace(/^evt_/, ''));
  const [leaf = new Uint8Array(0)] = stored?.leaves ?? [];
  expect(readRecord(leaf)).toMatchObject({ action: 'sign', phase: 'intent' });
  const { node1, node2 } = body.auditPromises;
  expect(node1.document).toMatchObject({ log, record: recordId(leaf), node: 'node1' });
  // Node 2 promises its own record of the same operation.
  const theirs = (await recordsAt('node2')).find(
    (record) => recordId(recordBytes(record)) === node2.document.record,
  );
  expect(theirs).toMatchObject({ action: 'sign', phase: 'intent', operation: readRecord(leaf).operation });
  const expected = {
    node: 'node2',
    log: logOf('node2', home.who.organization),
    record: node2.document.record,
  };
  openPromise(node2, expected as any, world.identities.node2);
});

describe('what a known actor asks for in vain', () => {
  test('is recorded where it is refused, and as failed where it had begun', async () => {
    const before = { node1: (await recordsAt('node1')).length, node2: (await recordsAt('node2')).length };
    const stranger = owner(world);
    // A wallet that there is not: refused by Node 1, which asks nobody.
    const nowhere = { ...home.wallets['ETH'], id: 'wal_nowhere' };
    const denied = await world.fetch(await askSignature(home.who, nowhere, hello('ETH')));
    expect(denied.status).toBe(404);
    expect(said(await since(before.node1, 'node1'))).toEqual(['sign denied']);
    expect(said(await since(before.node2, 'node2'))).toEqual([]);
    // Node 2 refuses: its log says so, and Node 1's intent ended as failed.
    const { sessions } = world.node2.tables;
    const { put } = sessions;
    sessions.put = async () => false;
    try {
      expect((await world.fetch(await signature('ETH'))).status).toBe(502);
    } finally {
      sessions.put = put;
    }
    expect(said(await since(before.node1 + 1, 'node1'))).toEqual(['sign intent', 'sign failed']);
    expect(said(await since(before.node2, 'node2'))).toEqual(['sign intent', 'sign failed']);
    // Nobody knows a stranger: no organization's log grows.
    const unknown = await world.fetch(await askSignature(stranger, home.wallets['ETH'], hello('ETH')));
    expect(unknown.status).toBe(401);
    expect(await since(before.node1 + 3, 'node1')).toEqual([]);
  });
});

describe('with its audit store stopped a node signs nothing', () => {
  for (const node of nodes)
    for (const from of [0, 1])
      for (const name of ['ETH', 'SOL'])
        test(`${node}, from write ${from} on: ${name}`, async () => {
          const asked = await signature(name);
          const answers: string[] = [];
          world.wire = watch.wire(async (method, envelope, deliver) => {
            answers.push(method);
            return deliver(envelope);
          });
          [stopped, writes] = [{ node, from }, 0];
          const reply = await world.fetch(asked);
          const read = await world.fetch(await home.who.get('/v1/wallets'));
          stopped = undefined;
          world.wire = watch.wire();
          expect(reply.status).toBeGreaterThanOrEqual(500);
          expect(reply.body).not.toHaveProperty('signature');
          if (node === 'node1') expect(reply.body.code).toBe('audit_unavailable');
          if (node === 'node1' && from === 0) expect(answers).toEqual([]);
          expect(read.status).toBe(200);
          // Later it signs again.
          expect((await world.fetch(await signature(name))).status).toBe(201);
        });
});

describe('a log that is not integrated for ten seconds', () => {
  for (const node of nodes)
    test(`of ${node} stops signing until it is`, async () => {
      await done(world.fetch(await signature('SOL')));
      stuck = node;
      world.clockMs += 9_000;
      expect((await world.fetch(await signature('SOL'))).status).toBe(201);
      world.clockMs += 2_000;
      const late = await world.fetch(await signature('SOL'));
      stuck = undefined;
      expect([late.status, late.body.code]).toEqual([503, 'audit_unavailable']);
      expect((await world.fetch(await signature('SOL'))).status).toBe(201);
    });
});

test('a statement is recorded once at each node, however often it is sent', async () => {
  const before = { node1: (await recordsAt('node1')).length, node2: (await recordsAt('node2')).length };
  const { who, set } = home;
  const registry = await world.second.registry.read(who.organization);
  const [, actor = ''] = who.keyId.split('/');
  const policy = canonicalText({ type: 'planbok/policy/v1', rules: [], allow: [{ allow: 'message' }] });
  const content = { kind: 'policy.set', walletSet: set.id, policy } as const;
  const statement = draft(registry, actor, content, { nowMs: world.clockMs, nonce: fresh(16) });
  const signed = { statement, signature: toBase64url(who.sign(statementBytes(statement))) };
  for (let i = 0; i < 2; i++)
    expect((await world.fetch(await who.post('/v1/statements', '', signed))).status).toBe(201);
  for (const node of nodes)
    expect(said(await since(before[node], node))).toEqual(['policy.set intent', 'policy.set outcome']);
});

async function exported(node: NodeName): Promise<NodeExport> {
  const { store, files, keys } = auditOf(node);
  const log = logOf(node, home.who.organization);
  const [head, cosigned] = [await store.head(log), await store.cosigned(log)];
  if (head === undefined || cosigned?.size !== head.size) throw new Error('not cosigned');
  return {
    keys: {
      log: (await keys.key('log', log)).attested,
      witness: (await keys.key('witness', witnessOf(node))).attested,
    },
    checkpoint: cosigned.note,
    records: await logReader(store, files).leaves(log, head, 0, head.size),
  };
}

test('both logs verify together; a record that one of them leaves out is named', async () => {
  world.clockMs += 1_000;
  await done(world.fetch(await signature('SOL')));
  world.clockMs += 60_000;
  await done(world.fetch(await signature('SOL')));
  await exchange();
  const logs = { node1: await exported('node1'), node2: await exported('node2') };
  const pins = { organization: home.who.organization, identities: world.identities };
  const verify = (changed: typeof logs) => verifyFiles(exportFiles(changed), pins);
  expect(await verify(logs)).toMatchObject({ ok: true, findings: [] });
  for (const node of nodes) {
    const records = logs[node].records.toSpliced(3, 1);
    const report = await verify({ ...logs, [node]: { ...logs[node], records } });
    expect(report.ok).toBe(false);
    expect(report.findings.map(({ file }) => file)).toContain(`${node}/records.ndjson`);
  }
});

test('the API shows events with their proofs, checkpoints, and exports that verify', async () => {
  const { who, wallets } = home;
  const get = async (path: string, query?: string) => done(world.fetch(await who.get(path, query)));
  const events = await get('/v1/audit/events', `?object=${wallets['SOL'].id}`);
  expect(events.data.length).toBeGreaterThan(1);
  for (const { record } of events.data) expect(JSON.parse(record).object).toBe(wallets['SOL'].id);
  const [{ id, index, record }] = events.data;
  const proof = await get(`/v1/audit/events/${id}/proof`);
  const { size, root } = parseCheckpoint(proof.checkpoint.slice(0, proof.checkpoint.indexOf('\n\n') + 1));
  const path = proof.proof.map(fromBase64url);
  expect(verifyInclusion(leafHash(utf8(record)), index, size, path, root)).toBe(true);
  expect((await world.fetch(await who.get('/v1/audit/events/evt_none/proof'))).body.code).toBe(
    'audit_event_not_found',
  );
  expect(await get('/v1/audit/checkpoints/latest')).toMatchObject({ node1: { size }, node2: {} });
  const whole = async (log: NodeName): Promise<NodeExport> => {
    const records: Uint8Array[] = [];
    for (;;) {
      const page = await get('/v1/audit/export', `?from=${records.length}&limit=7&log=${log}`);
      records.push(...page.records.map(utf8));
      if (records.length === page.size)
        return { keys: page.keys, checkpoint: utf8(page.checkpoint), records };
    }
  };
  const files = exportFiles({ node1: await whole('node1'), node2: await whole('node2') });
  expect(
    await verifyFiles(files, { organization: who.organization, identities: world.identities }),
  ).toMatchObject({
    ok: true,
  });
});
