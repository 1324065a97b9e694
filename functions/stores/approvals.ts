/**
 * Signatures that wait for approvals, at Node 1: what was asked, and who has said what. An item says what was
 * done to it; whether the approvals suffice, and whether it was signed, is found out whenever somebody asks.
 * @module
 */
import { CustodyError } from '#shared/errors.ts';
import type { SignedApproval } from '#shared/policy/approval.ts';
import type { Clock, Item, Table } from '../ports.ts';

/** A member's newest word. */
export interface Decided {
  readonly member: string;
  readonly signed: SignedApproval;
}

export interface ApprovalRecord {
  /** Follows from the operation. */
  readonly id: string;
  readonly organization: string;
  readonly wallet: string;
  readonly walletSet: string;
  /** base64url of the operation's digest, 32 bytes. */
  readonly operation: string;
  readonly idempotencyKey: string;
  /** JSON, as it was sent. */
  readonly payload: string;
  /** JSON of what Node 1 decoded: for show. */
  readonly intent: string;
  /** The member or API key that asked first. */
  readonly requester: string;
  /** RFC 3339, UTC. */
  readonly created: string;
  readonly expiresMs: number;
  readonly state: 'open' | 'denied' | 'cancelled';
  readonly decisions: readonly Decided[];
  /** Who rejected or cancelled it, and when. */
  readonly closed?: { readonly by: string; readonly time: string };
}

export interface Approvals {
  find(id: string): Promise<ApprovalRecord | undefined>;
  /** The first one stays. @returns what stands there */
  add(record: ApprovalRecord): Promise<ApprovalRecord>;
  /**
   * Changes it; of several at once, one after the other.
   * @param change sees what stands there, and may throw; the same record is no change
   * @throws {CustodyError} `approval_not_found`; `storage_unavailable` if others keep coming first
   */
  change(id: string, change: (record: ApprovalRecord) => ApprovalRecord): Promise<ApprovalRecord>;
  /** Newest first. @param wallet undefined: of all wallets */
  list(
    organization: string,
    wallet: string | undefined,
    page: { readonly limit: number; readonly cursor?: string },
  ): Promise<{ readonly items: readonly ApprovalRecord[]; readonly cursor?: string }>;
}

const kind = 'approval';
/** How often a change is tried again because another one came first. */
const mostConflicts = 20;

export function approvalsOver(table: Table, clock: Clock): Approvals {
  const read = async (id: string): Promise<Item | undefined> => {
    const item = await table.get({ id });
    return item?.['kind'] === kind ? item : undefined;
  };
  return {
    async find(id) {
      const item = await read(id);
      return item && decode(item);
    },
    async add(record) {
      const listOrder = `${String(clock()).padStart(15, '0')}/${record.id}`;
      const item = { ...encode(record), listOrder, version: 0 };
      if (await table.put(item, [[['id', 'absent']]])) return record;
      const standing = await read(record.id);
      if (standing === undefined) throw new CustodyError('storage_unavailable', 'it was not stored');
      return decode(standing);
    },
    async change(id, change) {
      for (let conflicts = 0; conflicts <= mostConflicts; conflicts++) {
        const item = await read(id);
        if (item === undefined) throw new CustodyError('approval_not_found', `no approval ${id}`);
        const before = decode(item);
        const after = change(before);
        if (after === before) return after;
        const version = item['version'] as number;
        const next = { ...encode(after), listOrder: item['listOrder'] as string, version: version + 1 };
        if (await table.put(next, [[['version', '=', version]]])) return after;
      }
      throw new CustodyError('storage_unavailable', 'too many decide at once');
    },
    async list(organization, wallet, page) {
      const by =
        wallet === undefined
          ? { list: `${organization}/${kind}` }
          : { parent: `${organization}/${wallet}/${kind}` };
      const { items, cursor } = await table.list(by, page);
      return { items: items.map(decode), ...(cursor !== undefined && { cursor }) };
    },
  };
}

const encode = ({ decisions, closed, ...record }: ApprovalRecord): Item => ({
  ...record,
  decisions: JSON.stringify(decisions),
  ...(closed && { closed: JSON.stringify(closed) }),
  kind,
  list: `${record.organization}/${kind}`,
  parent: `${record.organization}/${record.wallet}/${kind}`,
});

function decode(item: Item): ApprovalRecord {
  const { kind: _, list, parent, listOrder, version, decisions, closed, ...record } = item;
  return {
    ...record,
    decisions: JSON.parse(decisions as string),
    ...(closed !== undefined && { closed: JSON.parse(closed as string) }),
  } as unknown as ApprovalRecord;
}
