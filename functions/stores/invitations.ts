/**
 * Invitations by mail, as Node 1 keeps them: the inviter's signed terms, a hash of the code, and, until they end,
 * whom they went to. A code lets somebody leave one request to join, and nothing else.
 *
 *   <id>   {organization, terms, signature, …}          what was signed
 *          {email, salt, api, message, hash}            erased when it ends
 *          {tries, request, requestedMs, contested}     what came with the code; forgotten with a new code
 * @module
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { type Bytes, concat, toBase32, utf8 } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { InvitationTerms } from '#shared/registry/invitation-terms.ts';
import type { Clock, Item, Table } from '../ports.ts';

/** What the mail needs: personal data. */
export interface Addressee {
  readonly email: string;
  /** base64url of 16 bytes: opens the commitment to the address in the terms. */
  readonly salt: string;
  readonly api: string;
  readonly message: string;
}

export interface NewInvitation {
  readonly id: string;
  readonly terms: InvitationTerms;
  readonly signature: string;
  readonly auditEventId: string;
}

export type EndOfInvitation = 'admitted' | 'revoked' | 'expired';

export interface StoredInvitation extends NewInvitation {
  readonly organization: string;
  readonly createdMs: number;
  readonly expiresMs: number;
  /** The newest mail; absent: none went out yet, and the invitation is nobody's to see. */
  readonly sentMs?: number;
  readonly resends: number;
  /** Digests of the requests that mails were sent for. */
  readonly sentFor: readonly string[];
  readonly addressee?: Addressee;
  readonly request?: string;
  readonly requestedMs?: number;
  /** Another request came with the same code. */
  readonly contested: boolean;
  readonly ended?: EndOfInvitation;
}

export interface Invitations {
  /** Keeps it, not yet sent. @returns false if there is one of this id that was sent */
  add(invitation: NewInvitation, addressee: Addressee, code: Bytes): Promise<boolean>;
  /** A mail with its newest code went out. @param sentFor digest of the request that asked for it */
  sent(id: string, sentFor: string): Promise<StoredInvitation>;
  /** One whose first mail did not go out. */
  forget(id: string): Promise<void>;
  /** Strongly consistent. */
  find(id: string): Promise<StoredInvitation | undefined>;
  /** @throws {CustodyError} `invitation_not_found`, also if it is somebody else's */
  get(organization: string, id: string): Promise<StoredInvitation>;
  /** Newest first; eventually consistent. */
  list(
    organization: string,
    page: { readonly limit: number; readonly cursor?: string },
  ): Promise<{ readonly items: readonly StoredInvitation[]; readonly cursor?: string }>;
  /**
   * Another code: from now on the one before is worth nothing, and what was asked with it is forgotten.
   * @throws {CustodyError} `invitation_unusable` if it is over; `invitation_limit_reached`
   */
  renew(organization: string, id: string, code: Bytes): Promise<StoredInvitation>;
  /**
   * Whose invitation has this code. Every try counts before it is compared.
   * @throws {CustodyError} `invitation_code_invalid`, whatever is wrong with it
   */
  opened(code: string): Promise<StoredInvitation>;
  /**
   * Keeps the first request that comes with a code that was opened.
   * @throws {CustodyError} `invitation_unusable` if another one stands there; `invitation_code_invalid` if the code
   * was replaced meanwhile
   */
  ask(id: string, code: string, request: string): Promise<StoredInvitation>;
  /** For good, and erases whom it went to. What ended before stays as it is. */
  end(organization: string, id: string, ended: EndOfInvitation): Promise<StoredInvitation>;
}

/** Bytes of the secret part of a code. */
export const codeBytes = 20;
/** Wrong codes, until it is sent again. */
export const mostTries = 20;
export const mostResends = 5;
/** How long an invitation without an address is listed. */
const keptMs = 90 * 86_400_000;
const kind = 'invitation';
const codePattern = /^(inm_[a-z2-7]{26})\.([a-z2-7]{32})$/;
const personal = ['email', 'salt', 'api', 'message', 'hash', 'tries', 'request', 'requestedMs'];

/** What the invitee gets: the id, so that guesses count against one invitation, and 160 random bits. */
export const codeOf = (id: string, code: Bytes): string => `${id}.${toBase32(code)}`;

const invalid = (): CustodyError =>
  new CustodyError('invitation_code_invalid', 'no invitation has this code, or not any more');

const hashOf = (code: string): Bytes =>
  new Uint8Array(
    createHash('sha256')
      .update(concat(utf8('planbok/invitation-code/v1\0'), utf8(code)))
      .digest(),
  );

export function invitationsOver(table: Table, clock: Clock): Invitations {
  const find = async (id: string): Promise<StoredInvitation | undefined> => {
    const item = await table.get({ id });
    return item?.['kind'] === kind ? decode(item) : undefined;
  };
  const get = async (organization: string, id: string): Promise<StoredInvitation> => {
    const found = await find(id);
    if (found?.organization !== organization || found.sentMs === undefined)
      throw new CustodyError('invitation_not_found', `no invitation ${id}`);
    return found;
  };
  const opened = async (code: string): Promise<StoredInvitation> => {
    const [, id = 'inm_'] = codePattern.exec(code) ?? [];
    const open = [
      ['kind', '=', kind],
      ['ended', 'absent'],
      ['hash', 'present'],
      ['expiresMs', '>', clock()],
      ['tries', '<', mostTries],
    ] as const;
    const tried = await table.update({ id }, { add: { tries: 1 } }, [open]);
    const stored = tried?.after['hash'] as Bytes | undefined;
    const same = timingSafeEqual(hashOf(code), stored ?? new Uint8Array(32));
    if (tried === null || !same) throw invalid();
    return decode(tried.after);
  };
  return {
    find,
    get,
    opened,
    add({ id, terms, signature, auditEventId }, addressee, code) {
      const expiresMs = Date.parse(terms.expires);
      const item: Item = {
        id,
        kind,
        organization: terms.organization,
        terms: JSON.stringify(terms),
        signature,
        auditEventId,
        ...addressee,
        hash: hashOf(codeOf(id, code)),
        tries: 0,
        resends: 0,
        createdMs: clock(),
        expiresMs,
        ttl: Math.ceil(expiresMs / 1_000),
      };
      return table.put(item, [[['sentMs', 'absent']]]);
    },
    async sent(id, sentFor) {
      const now = clock();
      const stored = await table.get({ id });
      const organization = String(stored?.['organization']);
      const createdMs = Number(stored?.['createdMs']);
      const listed = {
        list: `${organization}/${kind}`,
        listOrder: `${String(createdMs).padStart(15, '0')}/${id}`,
      };
      const there = [['kind', '=', kind]] as const;
      const all = [...listOf(stored?.['sentFor']), sentFor].join();
      const done = await table.update({ id }, { set: { sentMs: now, sentFor: all, ...listed } }, [there]);
      if (done === null) throw new CustodyError('invitation_not_found', `no invitation ${id}`);
      return decode(done.after);
    },
    async forget(id) {
      await table.delete({ id }, [[['sentMs', 'absent']]]);
    },
    async list(organization, page) {
      const { items, cursor } = await table.list({ list: `${organization}/${kind}` }, page);
      return { items: items.map(decode), ...(cursor !== undefined && { cursor }) };
    },
    async renew(organization, id, code) {
      const own = [
        ['organization', '=', organization],
        ['ended', 'absent'],
        ['sentMs', 'present'],
        ['expiresMs', '>', clock()],
        ['resends', '<', mostResends],
      ] as const;
      const change = {
        set: { hash: hashOf(codeOf(id, code)), tries: 0 },
        add: { resends: 1 },
        remove: ['request', 'requestedMs', 'contested'],
      };
      const done = await table.update({ id }, change, [own]);
      if (done !== null) return decode(done.after);
      const { ended, expiresMs } = await get(organization, id);
      if (ended !== undefined || expiresMs <= clock())
        throw new CustodyError('invitation_unusable', 'the invitation is over');
      throw new CustodyError('invitation_limit_reached', `an invitation is sent again ${mostResends} times`);
    },
    async ask(id, code, request) {
      const own = [
        ['hash', '=', hashOf(code)],
        ['ended', 'absent'],
      ] as const;
      // A right code is no guess.
      const first = { request, requestedMs: clock(), tries: 0 };
      const kept = await table.update({ id }, { set: first }, [[...own, ['request', 'absent']]]);
      if (kept !== null) return decode(kept.after);
      const again = await table.update({ id }, { set: { tries: 0 } }, [[...own, ['request', '=', request]]]);
      if (again !== null) return decode(again.after);
      const contested = await table.update({ id }, { set: { contested: true } }, [[...own]]);
      if (contested === null) throw invalid();
      throw new CustodyError('invitation_unusable', 'another request came with this code first');
    },
    async end(organization, id, ended) {
      const open = [
        ['organization', '=', organization],
        ['sentMs', 'present'],
        ['ended', 'absent'],
      ] as const;
      const ttl = Math.ceil((clock() + keptMs) / 1_000);
      const done = await table.update({ id }, { set: { ended, ttl }, remove: personal }, [open]);
      return done === null ? get(organization, id) : decode(done.after);
    },
  };
}

const listOf = (text: unknown): readonly string[] => (text === undefined ? [] : String(text).split(','));

function decode(item: Item): StoredInvitation {
  const stored = item as unknown as StoredInvitation & Addressee & { readonly terms: unknown };
  const { id, organization, signature, auditEventId, createdMs, expiresMs, sentMs } = stored;
  const { resends, request, requestedMs, contested = false, ended, email, salt, api, message } = stored;
  return {
    id,
    organization,
    terms: JSON.parse(String(stored.terms)),
    signature,
    auditEventId,
    createdMs,
    expiresMs,
    resends,
    contested,
    sentFor: listOf(item['sentFor']),
    ...(sentMs !== undefined && { sentMs }),
    ...(email !== undefined && { addressee: { email, salt, api, message } }),
    ...(request !== undefined && { request }),
    ...(requestedMs !== undefined && { requestedMs }),
    ...(ended !== undefined && { ended }),
  };
}
