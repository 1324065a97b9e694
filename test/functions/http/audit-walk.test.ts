/**
 * Every route that changes something leaves a record, whatever becomes of the request: intent and outcome if
 * it was done, `denied` if it was refused, `failed` if it broke in the middle. Read as an auditor reads: from
 * the exports of both logs, over HTTP.
 */
import { beforeAll, describe, expect, test } from '@jest/globals';
import { exchangeCheckpoints } from '../../../functions/audit/exchange.ts';
import type { NodeName } from '../../../shared/crypto/attestation.ts';
import { CustodyError } from '../../../shared/errors.ts';
import { type Route, type RouteName, routes } from '../../../shared/wire/routes.ts';
import { done } from '../../support/ask.ts';
import { hurry } from '../../support/hurry.ts';
import type { Reply } from '../../support/two-nodes.ts';
import { type Home, homeOf, newest } from './home.ts';
import { samples } from './samples.ts';

const table: Readonly<Record<RouteName, Route>> = routes;
const changes = (Object.keys(routes) as RouteName[]).filter((name) => table[name].changes);
const nodes = ['node1', 'node2'] as const;

/** Answers that do not name their record: it is found by the id of the thing. */
const silent: readonly RouteName[] = ['decideApproval', 'cancelApproval', 'revokeToken', 'requestToJoin'];

let home: Home;

hurry();

beforeAll(async () => {
  home = await homeOf();
});

interface Said {
  readonly phase: string;
  readonly action: string;
  readonly policy: string;
  readonly operation: string;
}

/** Records of a log from an index on. */
async function recordsOf(organization: string, log: NodeName, from: number): Promise<readonly Said[]> {
  const { world, ada } = home;
  await exchangeCheckpoints(world.lead.node, world.lead.peer, organization);
  const found: Said[] = [];
  for (;;) {
    const query = `?from=${from + found.length}&limit=100&log=${log}`;
    const page = await done(world.fetch(await ada.get('/v1/audit/export', query)));
    found.push(...page.records.map((record: string) => JSON.parse(record)));
    if (page.records.length === 0 || from + found.length >= page.size) return found;
  }
}

const sizes = { node1: 0, node2: 0 };
/** What both logs grew by since it was last asked. */
async function grown(): Promise<Readonly<Record<NodeName, readonly Said[]>>> {
  const { organization } = home.ada;
  const one = await recordsOf(organization, 'node1', sizes.node1);
  const two = await recordsOf(organization, 'node2', sizes.node2);
  sizes.node1 += one.length;
  sizes.node2 += two.length;
  return { node1: one, node2: two };
}

const phases = (records: readonly Said[]) => new Set(records.map(({ phase }) => phase));
const ask = async (name: RouteName, who = home.ada as Home['ada'] | Home['principals'][number]['who']) =>
  samples[name].ask(who, await newest(home.world, home.own), home.world);
/** Whoever founds has a log of their own, which begins with it. */
const own = (name: RouteName) => name !== 'createOrganization';

describe.each(changes.filter(own))('%s', (name) => {
  const both = !samples[name].alone;

  test('done: intent and outcome at every node that takes part, under one operation', async () => {
    const request = await ask(name);
    await grown();
    const reply = await home.world.fetch(request);
    expect(reply.status).toBeLessThan(300);
    const records = await grown();
    for (const node of nodes) {
      if (node === 'node2' && !both) continue;
      expect([node, [...phases(records[node])].sort()]).toEqual([node, ['intent', 'outcome']]);
    }
    if (both) {
      const operations = (node: NodeName) =>
        [...new Set(records[node].map(({ operation }) => operation))].sort();
      expect(operations('node1')).toEqual(operations('node2'));
    }
    if (!silent.includes(name)) expect(reply.body.auditEventId).toMatch(/^evt_/);
  });

  // Whoever asks to join is nobody yet: there is no log that a refusal could stand in.
  if (name === 'requestToJoin') return;

  test('denied: the refusal and its code', async () => {
    // A member sees, and may do nothing.
    const who = home.principals.find(({ actorClass }) => actorClass === 'member')?.who;
    const request = await ask(name, who);
    await grown();
    const reply: Reply = await home.world.fetch(request);
    expect(reply.status).toBeGreaterThanOrEqual(400);
    const { node1 } = await grown();
    expect(node1.map(({ phase, policy }) => [phase, policy])).toEqual([['denied', reply.body.code]]);
  });

  if (both)
    test('failed: the other node is away in the middle', async () => {
      const request = await ask(name);
      await grown();
      const { wire } = home.world;
      home.world.wire = async () => {
        throw new CustodyError('node_unavailable', 'away');
      };
      const reply = await home.world.fetch(request).finally(() => {
        home.world.wire = wire;
      });
      expect(reply.body.code).toBe('node_unavailable');
      const { node1, node2 } = await grown();
      expect(node1.map(({ phase }) => phase)).toEqual(['intent', 'failed']);
      expect(node2).toEqual([]);
    });
});
