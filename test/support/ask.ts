/**
 * What an app asks of the two nodes, signed by its owner: wallet sets, wallets, signatures.
 * @module
 */
import { base64 } from '@scure/base';
import { Transaction } from '@scure/btc-signer';
import { ed25519Key } from '../../client/credential.ts';
import { joinRequest } from '../../client/join-request.ts';
import { fromHex, toBase64url } from '../../shared/bytes.ts';
import { lockOf } from '../../shared/chains/bitcoin-script.ts';
import { decodePayload, type SignPayload } from '../../shared/chains/payload.ts';
import {
  signatureOperation,
  tokenOperation,
  walletSetOperation,
  walletsOperation,
} from '../../shared/intent/build.ts';
import type { ActorRequest } from '../../shared/intent/http-signature.ts';
import {
  addressCommitment,
  type InvitationTerms,
  termsBytes,
} from '../../shared/registry/invitation-terms.ts';
import { makeCoin } from './engines/bitcoin.ts';
import { type Asked, fresh, type Owner, type Person, type Reply, type World } from './two-nodes.ts';

export const newKey = (): string => toBase64url(fresh(9));

export const askSet = (
  who: Person,
  keyTypes: readonly ('secp256k1' | 'ed25519')[],
  key = newKey(),
  asked: Asked = {},
): Promise<ActorRequest> => {
  const body = { name: 'Treasury', custody: 'standard', keyTypes };
  return who.ask('/v1/wallet-sets', body, walletSetOperation(who.organization, key, body), asked);
};

export const askWallets = (
  who: Person,
  body: { walletSet: string; blockchains: readonly any[]; addressType?: any; count?: number },
  key = newKey(),
  asked: Asked = {},
): Promise<ActorRequest> =>
  who.ask('/v1/wallets', body, walletsOperation(who.organization, key, body), asked);

/** `raw`: the actor decodes as if its credential had the scope for digests. */
export function askSignature(
  who: Person,
  wallet: any,
  payload: SignPayload,
  key = newKey(),
  { raw = false, ...asked }: Asked & { readonly raw?: boolean } = {},
): Promise<ActorRequest> {
  const walletKey = { ...wallet, publicKey: fromHex(wallet.publicKey) };
  const decoded = decodePayload(payload, walletKey, { allowRawDigest: raw });
  const operation = signatureOperation(who.organization, key, wallet, payload, decoded);
  return who.ask(`/v1/wallets/${wallet.id}/signatures`, { payload }, operation, asked);
}

/** A bearer token for one wallet set, for a day. */
export function askToken(
  world: Pick<World, 'clockMs'>,
  who: Person,
  walletSet: string,
  key = newKey(),
): Promise<ActorRequest> {
  const expires = new Date(world.clockMs + 86_400_000).toISOString();
  const body = { name: 'dashboard', walletSets: [walletSet], expires };
  return who.ask('/v1/tokens', body, tokenOperation(who.organization, key, body));
}

export const hello = (blockchain: any, message = 'hello'): SignPayload => ({
  kind: 'message',
  blockchain,
  message,
});

/** A spend of `inputs` coins of the wallet, on the regression test network. */
export function spend(wallet: any, inputs: number, salt = 0): SignPayload {
  const { script } = lockOf('bcrt', wallet.addressType, fromHex(wallet.publicKey));
  const transaction = new Transaction({ allowUnknownOutputs: true });
  for (let i = 0; i < inputs; i++) {
    const coin = makeCoin(script, 50_000n, salt + i);
    transaction.addInput({
      txid: coin.txid,
      index: coin.index,
      witnessUtxo: { script: coin.script, amount: coin.amount },
      nonWitnessUtxo: coin.previous,
    });
  }
  transaction.addOutput({
    script: lockOf(
      'bcrt',
      'p2wpkh',
      fromHex(`02${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`),
    ).script,
    amount: 20_000n,
  });
  return { kind: 'psbt', blockchain: 'BTC-REGTEST', psbt: base64.encode(transaction.toPSBT(0)) };
}

/** An organization with a wallet set and a wallet on each of these chains. */
export interface Household {
  readonly who: Owner;
  readonly set: any;
  readonly wallets: Readonly<Record<string, any>>;
}

export async function settle(
  world: World,
  who: Owner,
  blockchains: readonly string[],
  keyTypes: readonly ('secp256k1' | 'ed25519')[] = ['secp256k1', 'ed25519'],
): Promise<Household> {
  await done(world.fetch(await who.found()));
  const set = await done(world.fetch(await askSet(who, keyTypes)));
  const made = await done(world.fetch(await askWallets(who, { walletSet: set.id, blockchains })));
  const wallets = Object.fromEntries(made.data.map((wallet: any) => [wallet.blockchain, wallet]));
  return { who, set, wallets };
}

/** The body of an answer that went well. */
export async function done(reply: Promise<Reply>): Promise<any> {
  const { status, body } = await reply;
  if (status >= 300) throw new Error(`${status} ${body.code}: ${body.detail}`);
  return body;
}

/** An invitation by mail to become a Member, for a day; `more` changes the terms, or the body beside them. */
export async function askInvitation(
  world: Pick<World, 'clockMs'>,
  who: Person,
  more: { readonly terms?: Partial<InvitationTerms>; readonly body?: object; readonly key?: string } = {},
): Promise<ActorRequest> {
  const salt = fresh(16);
  const email = 'bob@example.org';
  const terms: InvitationTerms = {
    type: 'planbok/invitation-terms/v1',
    organization: who.organization,
    role: 'member',
    scopes: ['view'],
    address: addressCommitment(salt, email),
    expires: new Date(world.clockMs + 86_400_000).toISOString(),
    keyId: who.keyId,
    nonce: toBase64url(fresh(16)),
    ...more.terms,
  };
  const signature = toBase64url(who.sign(termsBytes(terms)));
  const api = 'https://api.example.com';
  const body = { terms, signature, email, salt: toBase64url(salt), api, ...more.body };
  return who.post('/v1/invitations', more.key ?? newKey(), body);
}

/** The code, and the organization, of a mail that invites. */
export const codeIn = (text: string): string => /^ {2}Code +(\S+)$/m.exec(text)?.[1] ?? '';
export const organizationIn = (text: string): string => /^ {2}Organization +(\S+)$/m.exec(text)?.[1] ?? '';

/** A request to join by somebody with a key of their own. */
export function requestOf(world: Pick<World, 'identities'>, organization: string, name = 'Bob') {
  const { node1, node2 } = world.identities;
  const identities = { node1: toBase64url(node1), node2: toBase64url(node2) };
  return joinRequest({ organization, identities, name }, ed25519Key(fresh(32)), fresh(16));
}
