/**
 * Both nodes in one process, as the client reaches them: a `fetch` that a test can listen to and interfere with.
 */
import { randomBytes } from 'node:crypto';
import { base58 } from '@scure/base';
import { AccountRole, address } from '@solana/kit';
import type { Fetch } from '../../client/http.ts';
import { type CredentialKey, ed25519Key, found, Planbok, type PlanbokOptions } from '../../client/index.ts';
import { concat, toBase64url } from '../../shared/bytes.ts';
import { programs } from '../../shared/chains/solana-instructions.ts';
import type { Scope } from '../../shared/registry/statement.ts';
import { buildSolana } from '../support/engines/solana.ts';
import { twoNodes, type World } from '../support/two-nodes.ts';

export const fresh = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** What an actor's requests go through; `pass` reaches the nodes. */
export type Meddler = (path: string, init: RequestInit, pass: () => Promise<Response>) => Promise<Response>;

export interface Reached {
  readonly world: World;
  readonly fetch: Fetch;
  /** Method and path of every request, in order. */
  readonly asked: string[];
  meddle: Meddler;
}

/** The nodes behind a fetch. */
export async function reach(): Promise<Reached> {
  const world = await twoNodes();
  const asked: string[] = [];
  const pass = async (url: string, init: RequestInit): Promise<Response> => {
    const { pathname, searchParams } = new URL(url);
    const headers = [...new Headers(init.headers)];
    const body = init.body instanceof Uint8Array ? Buffer.from(init.body).toString('base64') : null;
    const event = {
      httpMethod: init.method ?? 'GET',
      path: pathname,
      headers: Object.fromEntries(headers),
      multiValueHeaders: Object.fromEntries(headers.map(([k, v]) => [k, [v]])),
      multiValueQueryStringParameters: Object.fromEntries([...searchParams].map(([k, v]) => [k, [v]])),
      requestContext: { requestId: toBase64url(fresh(9)), identity: {} },
      body,
      isBase64Encoded: body !== null,
    };
    const reply = await world.send(event as Parameters<World['send']>[0]);
    return new Response(JSON.stringify(reply.body), { status: reply.status, headers: reply.headers });
  };
  const reached: Reached = {
    world,
    asked,
    meddle: (_, __, through) => through(),
    fetch: (url, init) => {
      const { pathname } = new URL(url);
      asked.push(`${init.method} ${pathname}`);
      return reached.meddle(pathname, init, () => pass(url, init));
    },
  };
  return reached;
}

export const everything: readonly Scope[] = ['view', 'create_wallet', 'sign', 'sign_raw', 'approve'];

export const url = 'http://127.0.0.1:9';

/** How a client reaches this world. */
export const connectionTo = ({ world, fetch }: Reached) => ({
  url,
  fetch,
  identities: {
    node1: toBase64url(world.identities.node1),
    node2: toBase64url(world.identities.node2),
  },
  now: () => world.clockMs,
  sleep: async () => {},
});

/** An organization with its founder, and clients of others of it. */
export async function household() {
  const reached = await reach();
  const connection = connectionTo(reached);
  const seed = fresh(32);
  const credential = ed25519Key(seed);
  const owner = { name: 'Ada', credential };
  const { id: organization } = await found(connection, { name: 'Acme', owner, scopes: everything });
  const clientOf = (key: CredentialKey = credential, more: Partial<PlanbokOptions> = {}) =>
    new Planbok({ ...connection, organization, credential: key, ...more });
  return { reached, connection, organization, seed, clientOf, ada: clientOf() };
}

/** A Solana transaction that sends lamports; `salt` makes it another one. */
export function payOnSolana(from: string, to: string, lamports: number, salt = 0): string {
  const amount = new DataView(new ArrayBuffer(8));
  amount.setBigUint64(0, BigInt(lamports), true);
  const transfer = {
    programAddress: address(programs.system),
    accounts: [
      { address: address(from), role: AccountRole.WRITABLE_SIGNER },
      { address: address(to), role: AccountRole.WRITABLE },
    ],
    data: concat(Uint8Array.of(2, 0, 0, 0), new Uint8Array(amount.buffer)),
  };
  const blockhash = address(base58.encode(new Uint8Array(32).fill(100 + salt)));
  return buildSolana(address(from), [transfer], blockhash, 'legacy');
}

/** Whom a policy may name, and whom it does not. */
export const shop = base58.encode(new Uint8Array(32).fill(3));
export const thief = base58.encode(new Uint8Array(32).fill(4));
export const solAsset = 'solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp/slip44:501';
