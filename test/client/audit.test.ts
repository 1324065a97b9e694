/**
 * The client believes of the audit logs what both pinned nodes signed, and what continues what it saw before.
 */
import { afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { TrustedCheckpoints } from '../../client/audit-logs.ts';
import { type CheckpointStore, storedCheckpoints } from '../../client/checkpoint-store.ts';
import { ed25519Key, type Planbok, PlanbokError } from '../../client/index.ts';
import { exchangeCheckpoints } from '../../functions/audit/exchange.ts';
import { checkpointText, cosign, signCheckpoint, withLine } from '../../shared/audit/checkpoint.ts';
import { leafHash, rootOfLeaves } from '../../shared/audit/merkle.ts';
import { logOf } from '../../shared/audit/record.ts';
import { witnessOf } from '../../shared/audit/statements.ts';
import { type Bytes, toBase64url, utf8 } from '../../shared/bytes.ts';
import type { NodeName } from '../../shared/crypto/attestation.ts';
import { fresh, household } from './world.ts';

let home: Awaited<ReturnType<typeof household>>;
let ada: Planbok;
let wallet: string;
let other: string;
let signed: Awaited<ReturnType<Planbok['signatures']['create']>>;

const exchange = () => {
  const { node, peer } = home.reached.world.lead;
  return exchangeCheckpoints(node, peer, home.organization);
};
const sign = (message: string) =>
  ada.signatures.create({ wallet, payload: { kind: 'message', blockchain: 'ETH', message } });
const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
};
const thrownBy = async (run: () => Promise<unknown>): Promise<PlanbokError> => {
  const error = await run().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof PlanbokError) return error;
  throw new Error(`not a PlanbokError: ${error}`);
};

/** Changes what the API answers on paths that begin so. */
function answer(path: string, change: (body: any) => any): void {
  home.reached.meddle = async (at, _, pass) => {
    const response = await pass();
    if (!at.startsWith(path) || !response.ok) return response;
    const text = await response.text();
    return new Response(JSON.stringify(change(JSON.parse(text))), { status: 200 });
  };
}

beforeAll(async () => {
  home = await household();
  ada = home.ada;
  const [main, side] = [
    await ada.walletSets.create({ name: 'Main', keyTypes: ['secp256k1'] }),
    await ada.walletSets.create({ name: 'Side', keyTypes: ['secp256k1'] }),
  ];
  for (const [set, keep] of [
    [main, (id: string) => (wallet = id)],
    [side, (id: string) => (other = id)],
  ] as const) {
    const { data } = await ada.wallets.create({ walletSet: set.id, blockchains: ['ETH'] });
    keep(data[0]?.id ?? '');
  }
  signed = await sign('first');
  await exchange();
}, 60_000);
afterEach(() => {
  home.reached.meddle = (_, __, pass) => pass();
});

describe('events', () => {
  test('are listed, iterated and read one by one', async () => {
    const events = await all(ada.audit.events.iterate({ limit: 2 }));
    expect(events.length).toBeGreaterThan(6);
    const page = await ada.audit.events.list({ limit: 3 });
    expect(page.data).toEqual(events.slice(0, 3));
    expect(page.nextCursor).toBeDefined();
    const denied = await all(ada.audit.events.iterate({ action: 'sign', phase: 'intent' }));
    expect(denied.map(({ id }) => id)).toEqual([signed.auditEventId]);
    expect(await ada.audit.events.get(signed.auditEventId)).toEqual(denied[0]);
    const timeline = await all(ada.audit.timeline(wallet));
    expect(timeline.map(({ record }) => [record.action, record.phase])).toEqual([
      ['sign', 'outcome'],
      ['sign', 'intent'],
    ]);
  });

  test('are for whoever may see what they were done to', async () => {
    const credential = ed25519Key(fresh(32));
    const { walletSet } = await ada.wallets.get(wallet);
    const { algorithm, publicKey } = credential;
    await ada.apiKeys.create({
      name: 'reader',
      role: 'member',
      scopes: { [walletSet]: ['view'] },
      publicKey: { algorithm, publicKey: toBase64url(publicKey) },
    });
    const reader = home.clientOf(credential);
    expect(await all(reader.audit.timeline(wallet))).toEqual(await all(ada.audit.timeline(wallet)));
    expect((await all(reader.audit.timeline(walletSet))).length).toBeGreaterThan(0);
    expect((await reader.audit.events.get(signed.auditEventId)).id).toBe(signed.auditEventId);
    expect((await reader.audit.proof(signed.auditEventId)).record.object).toBe(wallet);
    for (const run of [
      () => all(reader.audit.timeline(other)),
      () => all(reader.audit.timeline(home.organization)),
      () => all(reader.audit.events.iterate()),
      () => all(reader.audit.records('node1', 1)),
    ])
      expect((await thrownBy(run)).code).toBe('scope_missing');
    const [theirs] = await all(ada.audit.timeline(home.organization));
    const hidden = await thrownBy(() => reader.audit.events.get(theirs?.id ?? ''));
    expect(hidden.code).toBe('audit_event_not_found');
  });
});

describe('a proof', () => {
  test('shows the record that was promised, under a checkpoint of both nodes', async () => {
    const proof = await ada.audit.proof(signed.auditEventId, signed.auditPromises.node1);
    expect(proof).toMatchObject({
      id: signed.auditEventId,
      log: logOf('node1', home.organization),
      record: { action: 'sign', phase: 'intent', object: wallet },
      recordId: signed.auditPromises.node1.document.record,
    });
    expect(proof.size).toBeGreaterThan(proof.index);
    // A later one is under a larger checkpoint, which is proven to continue the first.
    const later = await sign('later');
    await exchange();
    expect((await ada.audit.proof(later.auditEventId)).size).toBeGreaterThan(proof.size);
  });

  test('comes when the other node has cosigned, and not before', async () => {
    const { auditEventId } = await sign('pending');
    let waits = 0;
    const patient = home.clientOf(undefined, {
      sleep: async () => {
        if (++waits === 2) await exchange();
      },
    });
    expect((await patient.audit.proof(auditEventId)).id).toBe(auditEventId);
    expect(waits).toBeGreaterThanOrEqual(2);
    const young = await sign('never cosigned');
    expect((await thrownBy(() => ada.audit.proof(young.auditEventId))).code).toBe('audit_unavailable');
    await exchange();
  });

  const flip = (text: string, at = 0) =>
    `${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`;
  const cases: readonly [string, string, (body: any) => any][] = [
    [
      'another record',
      'events',
      (body) => ({ ...body, record: body.record.replace('"allowed"', '"denied"') }),
    ],
    ['another place', 'events', (body) => ({ ...body, index: body.index + 1 })],
    ['another path', 'events', (body) => ({ ...body, proof: [flip(body.proof[0]), ...body.proof.slice(1)] })],
    ['no path', 'events', (body) => ({ ...body, proof: [] })],
    [
      'no signature of the log',
      'events',
      (body) => ({
        ...body,
        checkpoint: flip(body.checkpoint, body.checkpoint.lastIndexOf('planbok.node1/') + 60),
      }),
    ],
    [
      'no cosignature',
      'events',
      (body) => ({ ...body, checkpoint: body.checkpoint.slice(0, body.checkpoint.lastIndexOf('—')) }),
    ],
    [
      'a key of nobody',
      'checkpoints',
      (body) => {
        const { document } = body.node1.keys.log;
        document.publicKey = flip(document.publicKey);
        return body;
      },
    ],
    [
      "the other node's key",
      'checkpoints',
      (body) => {
        body.node1.keys.log = body.node2.keys.log;
        return body;
      },
    ],
    [
      'a witness of its own',
      'checkpoints',
      (body) => {
        body.node2.keys.witness = body.node1.keys.witness;
        return body;
      },
    ],
  ];
  test.each(cases)('with %s is refused', async (_, path, change) => {
    const client = home.clientOf();
    answer(`/v1/audit/${path}`, change);
    const error = await thrownBy(() => client.audit.proof(signed.auditEventId));
    expect(error.code).toBe('proof_invalid');
  });

  test('of another record than the promised one is refused', async () => {
    const another = await sign('another');
    await exchange();
    const run = () => ada.audit.proof(signed.auditEventId, another.auditPromises.node1);
    expect((await thrownBy(run)).code).toBe('proof_invalid');
    expect((await thrownBy(() => ada.audit.proof('evt_none'))).code).toBe('audit_event_not_found');
  });

  test.each(['node1', 'node2'] as const)(
    'a signature whose promise by %s does not hold is not handed out',
    async (node) => {
      const withPromise = (change: (promise: any) => unknown) =>
        answer(`/v1/wallets/${wallet}/signatures`, (body) => {
          const { auditPromises } = body;
          return { ...body, auditPromises: { ...auditPromises, [node]: change(auditPromises[node]) } };
        });
      withPromise((promise) => ({
        ...promise,
        document: { ...promise.document, record: toBase64url(fresh(32)) },
      }));
      expect((await thrownBy(() => sign(`unpromised by ${node}`))).code).toBe('proof_invalid');
      withPromise(() => undefined);
      expect((await thrownBy(() => sign(`without a promise by ${node}`))).code).toBe('response_invalid');
    },
  );
});

/** Both nodes sign whatever history: as if they were one adversary. */
async function forged(node: NodeName, leaves: readonly Bytes[]): Promise<string> {
  const { world } = home.reached;
  const [own, peer] = [world.lead.node, world.second];
  const [log, witness] = node === 'node1' ? [own.audit, peer] : [peer.audit, own];
  const origin = logOf(node, home.organization);
  const checkpoint = { origin, size: leaves.length, root: rootOfLeaves(leaves.map(leafHash)) };
  const { signer } = await witness.audit.keys.key('witness', witnessOf(witness.node));
  const line = cosign(checkpointText(checkpoint), Math.floor(world.clockMs / 1_000), signer);
  const note = signCheckpoint(checkpoint, (await log.keys.key('log', origin)).signer);
  return new TextDecoder().decode(withLine(note, line));
}

describe.each(['node1', 'node2'] as const)('a log of %s', (node) => {
  const storage = new Map<string, string>();
  const texts = {
    getItem: (name: string) => storage.get(name) ?? null,
    setItem: (name: string, value: string) => void storage.set(name, value),
  };
  const log = () => logOf(node, home.organization);
  const leavesOf = async (size: number) =>
    (await all(ada.audit.records(node, size))).flat().map((leaf) => utf8(leaf));
  /** A program of its own, that remembers what those before it saw. */
  const later = (checkpoints: CheckpointStore = storedCheckpoints(texts)) =>
    home.clientOf(undefined, { checkpoints });
  let seen: TrustedCheckpoints;

  beforeAll(async () => {
    seen = await later().audit.checkpoints();
    await sign(`grows ${node}`);
    await exchange();
  });

  test('that grew is believed, with one proof, and kept', async () => {
    const { asked } = home.reached;
    const from = asked.length;
    const now = await later().audit.checkpoints();
    expect(now[node].size).toBeGreaterThan(seen[node].size);
    expect(asked.slice(from).filter((one) => one.includes('consistency')).length).toBe(2);
    // Nothing new: nothing to prove.
    const then = asked.length;
    await later().audit.checkpoints();
    expect(asked.slice(then).filter((one) => one.includes('consistency'))).toEqual([]);
    expect((await storedCheckpoints(texts).read(log()))?.note).toBe(now[node].note);
    const leaves = await leavesOf(now[node].size);
    expect(toBase64url(rootOfLeaves(leaves.map(leafHash)))).toBe(now[node].root);
  });

  test.each(['smaller', 'gone', 'rewritten', 'forked', 'unproven', 'of another key'])(
    'that is %s is refused; both notes are kept, what was believed stays',
    async (what) => {
      const kept = await storedCheckpoints(texts).read(log());
      const leaves = await leavesOf((await later().audit.checkpoints())[node].size);
      const [first] = leaves;
      const older = leaves.slice(0, -1);
      const changed = leaves.with(0, leaves[1] as Bytes);
      const notes: Record<string, Bytes[]> = {
        smaller: older,
        rewritten: changed,
        forked: [...changed, first as Bytes],
        unproven: [...leaves, first as Bytes],
      };
      const history = notes[what];
      const checkpoint = history && (await forged(node, history));
      const { audit } = home.reached.world.lead.node;
      const unlike = await audit.keys.key('log', 'planbok.node1/other');
      answer('/v1/audit/', (body) => {
        if (body.proof !== undefined) return body;
        if (what === 'gone') delete body[node];
        if (checkpoint !== undefined) body[node].checkpoint = checkpoint;
        return body;
      });
      const store = storedCheckpoints(texts);
      if (what === 'of another key') {
        expect(unlike.attested).toBeDefined();
        await store.keep(log(), { note: kept?.note ?? '', publicKey: toBase64url(unlike.signer.publicKey) });
      }
      const error = await thrownBy(() => later(store).audit.checkpoints());
      const code = ['smaller', 'gone'].includes(what) ? 'audit_log_went_back' : 'audit_log_rewritten';
      expect([what, error.code]).toEqual([what, code]);
      expect(error.evidence).toMatchObject({ code, kept: { note: kept?.note } });
      if (checkpoint !== undefined) expect(error.evidence?.offered?.note).toBe(checkpoint);
      expect(JSON.parse(storage.get(`planbok evidence ${log()}`) ?? '')).toEqual(
        JSON.parse(JSON.stringify(error.evidence)),
      );
      await store.keep(log(), kept ?? { note: '', publicKey: '' });
      expect(await store.read(log())).toEqual(kept);
      // Again, as long as the log does not come back.
      if (checkpoint !== undefined)
        expect((await thrownBy(() => later().audit.checkpoints())).code).toBe(code);
      home.reached.meddle = (_, __, pass) => pass();
      await later().audit.checkpoints();
    },
  );

  test('a proof that goes with a rewritten log is refused as well', async () => {
    if (node === 'node2') return expect((await ada.audit.checkpoints()).node2.node).toBe('node2');
    const client = later();
    const { size } = (await client.audit.checkpoints()).node1;
    const leaves = await leavesOf(size);
    const checkpoint = await forged('node1', leaves.slice(0, -1));
    answer('/v1/audit/events/', (body) => ({ ...body, checkpoint }));
    const error = await thrownBy(() => client.audit.proof(signed.auditEventId));
    expect(error.code).toBe('audit_log_went_back');
  });
});
