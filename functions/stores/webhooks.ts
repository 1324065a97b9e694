/**
 * Webhook endpoints, one item each: what was configured, where in the feed its deliveries stand, and who is at work
 * on it. Configuration and progress are different attributes of one item, so neither overwrites the other.
 *
 *   <endpoint>   {organization, url, …, applied}   configuration; `applied` grows with every change
 *                {position, failures, dueMs, failingSinceMs, disabled, queue}   progress
 *                {leaseMs, holder}                  who delivers
 * @module
 */
import type { AuditKey } from '#shared/audit/statements.ts';
import type { Attested } from '#shared/crypto/attestation.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Change, Clause, Clock, Item, Table } from '../ports.ts';

export interface EndpointKey {
  /** Names the sealed private key. */
  readonly name: string;
  /** `whpk_…` */
  readonly publicKey: string;
  readonly attested: Attested<AuditKey>;
  /** Signs beside a newer key until then; absent: it is the newest. */
  readonly untilMs?: number;
}

export interface EndpointConfig {
  readonly url: string;
  readonly name: string;
  /** Empty: all. */
  readonly types: readonly string[];
  /** False: by request, or `disabled` says why. */
  readonly enabled: boolean;
  /** The newest first. */
  readonly keys: readonly EndpointKey[];
  /** Of the last change. */
  readonly auditEventId: string;
}

export interface EndpointProgress {
  /** Index in the log of the record that is next. */
  readonly position: number;
  /** Attempts at the message that is next, all failed. */
  readonly failures: number;
  /** No attempt before. */
  readonly dueMs: number;
  readonly failingSinceMs?: number;
  readonly disabled?: 'gone' | 'failing';
  /** Deliveries that were asked for out of turn. */
  readonly queue: readonly string[];
}

export interface Endpoint extends EndpointConfig, EndpointProgress {
  readonly id: string;
  readonly organization: string;
  /** RFC 3339, UTC. */
  readonly created: string;
  /** Requests that changed it, the last ones: each is applied once. */
  readonly applied: readonly string[];
  /** It is kept a while for repeated requests, and is nobody's to see. */
  readonly deleted?: boolean;
}

/** What a change sets; undefined removes. */
export type Changes = { readonly [N in keyof (EndpointConfig & EndpointProgress)]?: unknown };

export interface EndpointPage {
  readonly items: readonly Endpoint[];
  readonly cursor?: string;
}
interface PageOf {
  readonly limit: number;
  readonly cursor?: string;
}

export interface Endpoints {
  /** The first one of an id stays. */
  add(endpoint: Endpoint): Promise<boolean>;
  /** Also one that was deleted lately. Strongly consistent. */
  find(id: string): Promise<Endpoint | undefined>;
  /** @throws {CustodyError} `webhook_not_found`, also if it is somebody else's */
  get(organization: string, id: string): Promise<Endpoint>;
  /** Newest first; eventually consistent. */
  list(organization: string, page: PageOf): Promise<EndpointPage>;
  /** Of all organizations. */
  listAll(page: PageOf): Promise<EndpointPage>;
  /**
   * Changes what is configured, once per request: of changes at a time each sees the one before.
   * @param request digest of the request
   * @throws {CustodyError} `webhook_not_found`; `storage_unavailable` if others keep coming first
   */
  change(
    organization: string,
    id: string,
    request: string,
    changesOf: (before: Endpoint) => Changes,
  ): Promise<Endpoint>;
  /** Ends it: nothing is sent any more. @throws {CustodyError} as {@link change} */
  remove(organization: string, id: string, request: string, auditEventId: string): Promise<void>;
  /** Takes the endpoint for deliveries until the lease ends; undefined if somebody has it. */
  take(id: string, holder: string, nowMs: number, untilMs: number): Promise<Endpoint | undefined>;
  /**
   * Moves on, if the holder still has it and nobody moved it meanwhile; renews the lease.
   * @returns what it is now; undefined if it is not the holder's to move any more
   */
  progress(
    before: Endpoint,
    holder: string,
    untilMs: number,
    changes: Partial<Record<keyof EndpointProgress | 'enabled', unknown>>,
  ): Promise<Endpoint | undefined>;
  release(id: string, holder: string): Promise<void>;
}

/** Requests that are remembered. */
const appliedKept = 16;
/** How often a change is tried against others. */
const tries = 8;
/** How long the item of an endpoint that was deleted answers repeated requests, seconds. */
const deletedSeconds = 7 * 86_400;

export function endpointsOver(table: Table, clock: Clock): Endpoints {
  const find = async (id: string): Promise<Endpoint | undefined> => {
    const found = await table.get({ id });
    return found?.['kind'] === 'endpoint' ? decode(found) : undefined;
  };
  const get = async (organization: string, id: string): Promise<Endpoint> => {
    const found = await find(id);
    if (found?.organization !== organization || found.deleted)
      throw new CustodyError('webhook_not_found', 'no such webhook');
    return found;
  };
  const pageOf = async (by: Parameters<Table['list']>[0], page: PageOf): Promise<EndpointPage> => {
    const { items, cursor } = await table.list(by, page);
    return { items: items.map(decode), ...(cursor !== undefined && { cursor }) };
  };
  /** What joins or leaves the queue does so by the queue as it was read. */
  const queueOf = (before: Endpoint, { set = {} }: Change): Clause[] =>
    set['queue'] === undefined ? [] : [['queue', '=', before.queue.join()]];
  const applied = (before: Endpoint, request: string): string =>
    [request, ...before.applied].slice(0, appliedKept).join();
  const apply = async (
    organization: string,
    id: string,
    request: string,
    changeOf: (before: Endpoint) => Change,
  ): Promise<Endpoint> => {
    for (let i = 0; i < tries; i++) {
      const before = await get(organization, id);
      if (before.applied.includes(request)) return before;
      const { set, ...rest } = changeOf(before);
      const change = { ...rest, set: { ...set, applied: applied(before, request) } };
      const asRead: Clause[] = [['applied', '=', before.applied.join()], ...queueOf(before, change)];
      const done = await table.update({ id }, change, [asRead]);
      if (done !== null) return decode(done.after);
    }
    throw new CustodyError('storage_unavailable', 'others keep changing this webhook');
  };
  return {
    find,
    get,
    add: ({ id, organization, created, applied: first, ...rest }) =>
      table.put(
        {
          id,
          kind: 'endpoint',
          organization,
          created,
          applied: first.join(),
          ...encode(rest).set,
          list: `${organization}/endpoints`,
          parent: 'endpoints',
          listOrder: `${String(clock()).padStart(15, '0')}/${id}`,
        },
        [[['id', 'absent']]],
      ),
    list: (organization, page) => pageOf({ list: `${organization}/endpoints` }, page),
    listAll: (page) => pageOf({ parent: 'endpoints' }, page),
    change: (organization, id, request, changesOf) =>
      apply(organization, id, request, (before) => encode(changesOf(before))),
    async remove(organization, id, request, auditEventId) {
      const ttl = Math.floor(clock() / 1_000) + deletedSeconds;
      await apply(organization, id, request, () => ({
        set: { deleted: true, enabled: false, url: '', keys: '[]', auditEventId, ttl },
        // In no list any more, and nobody's to deliver.
        remove: ['list', 'parent', 'listOrder', 'holder', 'leaseMs'],
      }));
    },
    async take(id, holder, nowMs, untilMs) {
      const free = [
        [
          ['kind', '=', 'endpoint'],
          ['deleted', 'absent'],
          ['leaseMs', 'absent'],
        ],
        [
          ['kind', '=', 'endpoint'],
          ['deleted', 'absent'],
          ['leaseMs', '<', nowMs],
        ],
      ] as const;
      const taken = await table.update({ id }, { set: { leaseMs: untilMs, holder } }, free);
      return taken === null ? undefined : decode(taken.after);
    },
    async progress(before, holder, untilMs, changes) {
      const { set, remove } = encode(changes);
      const change = { set: { ...set, leaseMs: untilMs }, ...(remove && { remove }) };
      const moved = await table.update({ id: before.id }, change, [
        [['holder', '=', holder], ['position', '=', before.position], ...queueOf(before, change)],
      ]);
      return moved === null ? undefined : decode(moved.after);
    },
    async release(id, holder) {
      await table.update({ id }, { remove: ['leaseMs', 'holder'] }, [[['holder', '=', holder]]]);
    },
  };
}

/** Lists become text, what is undefined is removed. */
function encode(changes: Readonly<Record<string, unknown>>): { set: Item; remove?: readonly string[] } {
  const text = (name: string, value: unknown): unknown =>
    name === 'keys' ? JSON.stringify(value) : Array.isArray(value) ? value.join() : value;
  const named = Object.entries(changes);
  const remove = named.flatMap(([name, value]) => (value === undefined ? [name] : []));
  const set = Object.fromEntries(
    named.flatMap(([name, value]) => (value === undefined ? [] : [[name, text(name, value)]])),
  ) as Item;
  return { set, ...(remove.length > 0 && { remove }) };
}

const listed = (text: unknown): string[] => (text === '' ? [] : String(text).split(','));

function decode(item: Item): Endpoint {
  const { id, organization, created, url, name, enabled, auditEventId } = item as unknown as Endpoint;
  const { position, failures, dueMs, failingSinceMs, disabled } = item as unknown as Endpoint;
  return {
    id,
    organization,
    created,
    url,
    name,
    enabled,
    auditEventId,
    types: listed(item['types']),
    keys: JSON.parse(String(item['keys'] ?? '[]')) as EndpointKey[],
    position,
    failures,
    dueMs,
    ...(failingSinceMs !== undefined && { failingSinceMs }),
    ...(disabled !== undefined && { disabled }),
    queue: listed(item['queue']),
    ...(item['deleted'] === true && { deleted: true }),
    applied: listed(item['applied']),
  };
}
