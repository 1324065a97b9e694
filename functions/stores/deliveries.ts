/**
 * Attempts to deliver, one item each, kept for a week: what was sent, what came back, when the next one is due.
 * @module
 */
import { CustodyError } from '#shared/errors.ts';
import type { Clock, Item, Table } from '../ports.ts';
import type { Failure } from '../webhooks/ports.ts';

export interface Delivery {
  readonly id: string;
  readonly endpoint: string;
  /** Id of the event, which is that of the message. */
  readonly event: string;
  readonly type: string;
  /** Of the record in the log; -1: a test, of which there is none. */
  readonly index: number;
  /** Of a test: when it was asked for, epoch milliseconds. */
  readonly testMs?: number;
  readonly state: 'pending' | 'delivered' | 'failed';
  /** 0: not yet. */
  readonly attempt: number;
  readonly status?: number;
  readonly failure?: Failure;
  readonly durationMs?: number;
  readonly response?: string;
  /** Epoch milliseconds. */
  readonly createdMs: number;
  readonly nextMs?: number;
  readonly redeliveryOf?: string;
}

export interface Deliveries {
  /** The first one of an id stays. */
  add(delivery: Delivery): Promise<boolean>;
  /** What came of one that was pending. */
  settle(delivery: Delivery): Promise<void>;
  find(id: string): Promise<Delivery | undefined>;
  /** @throws {CustodyError} `delivery_not_found`, also if it is another endpoint's */
  get(endpoint: string, id: string): Promise<Delivery>;
  /** Newest first; eventually consistent. */
  list(
    endpoint: string,
    page: { readonly limit: number; readonly cursor?: string },
  ): Promise<{ readonly items: readonly Delivery[]; readonly cursor?: string }>;
}

/** How long attempts are kept, seconds. */
const keptSeconds = 7 * 86_400;

export function deliveriesOver(table: Table, clock: Clock): Deliveries {
  const isKept = ({ createdMs }: Delivery): boolean => createdMs + keptSeconds * 1_000 > clock();
  const encode = (delivery: Delivery): Item => ({
    ...(delivery as unknown as Item),
    kind: 'delivery',
    parent: `${delivery.endpoint}/deliveries`,
    listOrder: `${String(delivery.createdMs).padStart(15, '0')}/${delivery.id}`,
    ttl: Math.floor(delivery.createdMs / 1_000) + keptSeconds,
  });
  const find = async (id: string): Promise<Delivery | undefined> => {
    const item = await table.get({ id });
    const found = item?.['kind'] === 'delivery' ? decode(item) : undefined;
    return found !== undefined && isKept(found) ? found : undefined;
  };
  return {
    add: (delivery) => table.put(encode(delivery), [[['id', 'absent']]]),
    async settle(delivery) {
      await table.put(encode(delivery), [[['state', '=', 'pending']]]);
    },
    find,
    async get(endpoint, id) {
      const found = await find(id);
      if (found?.endpoint !== endpoint) throw new CustodyError('delivery_not_found', 'no such delivery');
      return found;
    },
    async list(endpoint, page) {
      const { items, cursor } = await table.list({ parent: `${endpoint}/deliveries` }, page);
      // The table forgets what is over when it gets to it.
      return { items: items.map(decode).filter(isKept), ...(cursor !== undefined && { cursor }) };
    },
  };
}

function decode(item: Item): Delivery {
  const { kind: _, parent: __, listOrder: ___, ttl: ____, ...delivery } = item;
  return delivery as unknown as Delivery;
}
