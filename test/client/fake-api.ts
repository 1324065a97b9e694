/**
 * An API in memory for the tests of client and command line: one process plays both nodes with whole keys,
 * but checks requests and authorisations, and attests, with the real code.
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { HDKey } from '@scure/bip32';
import type { Fetch } from '../../client/http.ts';
import { logOf } from '../../shared/audit/record.ts';
import type { AuditPromise } from '../../shared/audit/statements.ts';
import { type Bytes, concat, toBase64url, toHex } from '../../shared/bytes.ts';
import { addressOf, blockchains, chainInfo, walletPath } from '../../shared/chains/chains.ts';
import {
  assemble,
  decodePayload,
  type Signature,
  type SignPayload,
  type ToSign,
  type WalletKey,
} from '../../shared/chains/payload.ts';
import { attest, type Delegation, type NodeName, type Said } from '../../shared/crypto/attestation.ts';
import { spkiOfPoint } from '../../shared/crypto/spki.ts';
import { CustodyError } from '../../shared/errors.ts';
import { type Authorisation, assertAuthorises, assertFresh } from '../../shared/intent/authorisation.ts';
import { signatureOperation, walletSetOperation, walletsOperation } from '../../shared/intent/build.ts';
import { canonicalBytes, derivedId, organizationId } from '../../shared/intent/canonical.ts';
import { type ActorRequest, verifyHttpSignature } from '../../shared/intent/http-signature.ts';
import { type Operation, operationDigest } from '../../shared/intent/operation.ts';
import { deriveEd25519 } from '../../shared/mpc/derive.ts';
import type { EdPoint } from '../../shared/mpc/ed25519.ts';
import { found, holderName, type Registry } from '../../shared/registry/registry.ts';
import type { SignedStatement } from '../../shared/registry/statement.ts';
import { readBody, readParams, readQuery } from '../../shared/wire/parse.ts';
import { problemMediaType, problemOf } from '../../shared/wire/problem.ts';
import { matchRoute, type RouteName } from '../../shared/wire/routes.ts';

const created = '2026-01-01T00:00:00Z';
const chainCode = new Uint8Array(32).fill(9);
const account = new HDKey({ privateKey: new Uint8Array(32).fill(3), chainCode });
const accountPublic = account.publicKey as Bytes;
const edScalar = 123_456_789n * 8n;
const edAccount = ed25519.Point.BASE.multiply(edScalar).toBytes();

/** One node's identity, its delegated key, and what it says. */
function nodeOf(node: NodeName, secret: number, now: () => number) {
  const identitySecret = new Uint8Array(32).fill(secret);
  const identity = spkiOfPoint(p256.getPublicKey(identitySecret, false));
  const seed = new Uint8Array(32).fill(secret + 1);
  const body = {
    type: 'planbok/delegation/v1',
    node,
    publicKey: toBase64url(ed25519.getPublicKey(seed)),
    notBefore: String(now() - 60_000),
    notAfter: String(now() + 3_000_000),
    bundle: '',
    nonce: toBase64url(new Uint8Array(16)),
  };
  const signed = canonicalBytes(body);
  const signature = p256.sign(signed, identitySecret, { format: 'der' });
  const delegation: Delegation = { signed, signature };
  return {
    identity,
    delegation: { signed: toBase64url(signed), signature: toBase64url(signature) },
    say: <D extends Said>(document: D) => attest(document, delegation, (m) => ed25519.sign(m, seed)),
  };
}

/** EdDSA with a bare scalar: deterministic, for tests only. */
function signWithScalar(scalar: bigint, message: Bytes): Bytes {
  const { Fn, BASE } = ed25519.Point;
  const le = (b: Bytes): bigint => Fn.create(BigInt(`0x${toHex(b.slice().reverse())}`));
  const A = BASE.multiply(scalar).toBytes();
  const r = le(sha512(concat(Fn.toBytes(scalar), message)));
  const R = BASE.multiply(r).toBytes();
  const k = le(sha512(concat(R, A, message)));
  return concat(R, Fn.toBytes(Fn.add(r, Fn.mul(k, scalar))));
}

function signOne({ path, algorithm, bytes }: ToSign): Signature {
  if (algorithm === 'eddsa') {
    const { tau } = deriveEd25519(edAccount as EdPoint, chainCode, path);
    const tweak = BigInt(`0x${toHex(tau.slice().reverse())}`);
    return signWithScalar(ed25519.Point.Fn.add(edScalar, tweak), bytes);
  }
  const secret = account.derive(path).privateKey as Bytes;
  const signature = secp256k1.sign(bytes, secret, { prehash: false, format: 'recovered' });
  return { recoveryId: signature[0] as number, r: signature.slice(1, 33), s: signature.slice(33) };
}

interface StoredWallet {
  readonly id: string;
  readonly walletSet: string;
  readonly blockchain: string;
  readonly address: string;
  readonly publicKey: string;
  readonly path: string;
  readonly index: number;
  readonly name: string;
  readonly refId: string;
  readonly created: string;
  readonly key: WalletKey;
}

/** What a test may change: an answer, or the whole exchange. */
export interface Mischief {
  /** Called before the request is looked at; a response ends it, a throw is a broken line. */
  before?: (name: RouteName, attempt: number) => Response | undefined;
  /** Called after it was carried out; a throw is a lost answer. */
  after?: (name: RouteName, attempt: number) => void;
  /** Changes what is answered. */
  answer?: (name: RouteName, value: Record<string, unknown>) => unknown;
}

export function fakeApi(now: () => number = Date.now) {
  const nodes = { node1: nodeOf('node1', 11, now), node2: nodeOf('node2', 21, now) };
  const promised = (node: NodeName, organization: string, record: Bytes) =>
    nodes[node].say<AuditPromise>({
      type: 'planbok/audit-promise/v1',
      node,
      issued: String(now()),
      log: logOf(node, organization),
      record: toBase64url(record),
    });
  const registries = new Map<string, Registry>();
  const logs = new Map<string, SignedStatement[]>();
  const walletSets = new Map<string, Record<string, unknown>>();
  const wallets = new Map<string, StoredWallet>();
  const signatures = new Map<string, Record<string, unknown>>();
  const byKey = new Map<string, { digest: string; answer: Record<string, unknown> }>();
  const nonces = new Set<string>();
  const attempts = new Map<string, number>();
  const seen: { name: RouteName; request: ActorRequest }[] = [];
  const mischief: Mischief = {};
  let index = 0;

  function authorised(
    request: ActorRequest,
    registry: Registry,
    authorisation: Authorisation,
    operation: Operation,
  ) {
    const digest = operationDigest(operation);
    assertFresh(authorisation, now());
    assertAuthorises(authorisation, digest);
    if (authorisation.registryHead !== registry.head) throw new CustodyError('registry_behind', 'head');
    if (nonces.has(authorisation.nonce)) throw new CustodyError('authorisation_replayed', 'nonce');
    nonces.add(authorisation.nonce);
    const known = byKey.get(request.idempotencyKey);
    if (known && known.digest !== toHex(digest)) throw new CustodyError('idempotency_key_reused', 'reused');
    const finish = (answer: Record<string, unknown>) => {
      byKey.set(request.idempotencyKey, { digest: toHex(digest), answer });
      return answer;
    };
    return { digest, stored: known?.answer, finish };
  }

  const shown = ({ key: _, ...wallet }: StoredWallet) => wallet;

  function walletAt(id: string): StoredWallet {
    const wallet = wallets.get(id);
    if (!wallet) throw new CustodyError('wallet_not_found', 'no such wallet');
    return wallet;
  }

  function page<T>(
    items: T[],
    { limit = 20, cursor }: { limit?: number | undefined; cursor?: string | undefined },
  ) {
    const from = Number(cursor ?? 0);
    const more = from + limit < items.length ? { nextCursor: String(from + limit) } : {};
    return { data: items.slice(from, from + limit), ...more };
  }

  function createWallets(request: ActorRequest, registry: Registry) {
    const { authorisation, ...body } = readBody('createWallets', request.body);
    const operation = walletsOperation(registry.organization, request.idempotencyKey, body);
    const { digest, stored, finish } = authorised(request, registry, authorisation, operation);
    if (stored) return stored;
    if (!walletSets.has(body.walletSet)) throw new CustodyError('wallet_set_not_found', 'no such wallet set');
    const made: StoredWallet[] = [];
    for (const blockchain of operation.blockchains as (keyof typeof blockchains)[])
      for (let i = 0; i < Number(operation.count); i++) {
        const info = chainInfo(blockchain);
        const type = info.family === 'bitcoin' ? operation.addressType : undefined;
        const path = walletPath(blockchain, type, index);
        const publicKey =
          info.curve === 'secp256k1'
            ? (account.derive(path).publicKey as Bytes)
            : deriveEd25519(edAccount as EdPoint, chainCode, path).A;
        const address = addressOf(blockchain, type, publicKey);
        const xpub = info.family === 'bitcoin' ? { accountXpub: { Q: accountPublic, cc: chainCode } } : {};
        const key: WalletKey = {
          blockchain,
          path,
          publicKey,
          address,
          ...(type && { addressType: type }),
          ...xpub,
        };
        const id = derivedId('wal', digest, made.length);
        const { name, refId, walletSet } = operation;
        const rest = { ...(type && { addressType: type }), index: index++, name, refId, created, key };
        made.push({ id, walletSet, blockchain, address, publicKey: toHex(publicKey), path, ...rest });
      }
    for (const wallet of made) wallets.set(wallet.id, wallet);
    return finish({ data: made.map(shown), auditEventId: 'evt_2' });
  }

  function createSignature(request: ActorRequest, registry: Registry, id: string) {
    const { authorisation, payload } = readBody('createSignature', request.body);
    const wallet = walletAt(id);
    const decoded = decodePayload(payload, wallet.key);
    const operation = signatureOperation(
      registry.organization,
      request.idempotencyKey,
      wallet,
      payload,
      decoded,
    );
    const { digest, stored, finish } = authorised(request, registry, authorisation, operation);
    if (stored) return stored;
    const signed = assemble(payload, wallet.key, decoded, decoded.toSign.map(signOne));
    const answer = {
      id: derivedId('sig', digest, 0),
      state: 'completed',
      wallet: id,
      kind: payload.kind,
      blockchain: payload.blockchain,
      ...signed,
      intent: decoded.intent,
      created,
      auditEventId: 'evt_3',
      auditPromises: {
        node1: promised('node1', registry.organization, digest),
        node2: promised('node2', registry.organization, digest),
      },
    };
    signatures.set(answer.id, answer);
    return finish(answer);
  }

  function preview(
    registry: Registry,
    body: { wallet: string; payload: SignPayload; idempotencyKey: string },
  ) {
    const wallet = walletAt(body.wallet);
    const decoded = decodePayload(body.payload, wallet.key);
    const operation = signatureOperation(
      registry.organization,
      body.idempotencyKey,
      wallet,
      body.payload,
      decoded,
    );
    return {
      operation,
      operationDigest: toBase64url(operationDigest(operation)),
      intent: decoded.intent,
      toSign: decoded.toSign.map(({ path, algorithm, bytes }) => ({ path, algorithm, bytes: toHex(bytes) })),
    };
  }

  function proofs(registry: Registry, id: string) {
    const { walletSet, blockchain, address, path, publicKey, key } = walletAt(id);
    const curve = chainInfo(blockchain).curve;
    const document = (node: NodeName) =>
      ({
        type: 'planbok/address-proof/v1',
        node,
        issued: String(now()),
        organization: registry.organization,
        walletSet,
        wallet: id,
        blockchain,
        addressType: key.addressType ?? '',
        path,
        publicKey,
        address,
        accountKey: toHex(curve === 'secp256k1' ? accountPublic : edAccount),
        chainCode: toHex(chainCode),
      }) as const;
    return { node1: nodes.node1.say(document('node1')), node2: nodes.node2.say(document('node2')) };
  }

  function organize(request: ActorRequest) {
    const signed: SignedStatement = readBody('createOrganization', request.body);
    const registry = found(signed);
    const keyId = `${registry.organization}/${Object.keys(registry.credentials)[0]}`;
    verifyHttpSignature(
      request,
      (id) => (id === keyId ? signed.statement.owner.credential : undefined),
      now(),
    );
    registries.set(registry.organization, registry);
    logs.set(registry.organization, [{ statement: signed.statement, signature: signed.signature }]);
    const receipt = { type: 'planbok/head-receipt/v1', node: 'node2', issued: String(now()) } as const;
    const { organization, head, name } = registry;
    return {
      id: organizationId(signed.statement),
      name,
      head,
      receipt: nodes.node2.say({ ...receipt, organization, head }),
      created,
      auditEventId: 'evt_0',
    };
  }

  function carryOut(
    name: RouteName,
    request: ActorRequest,
    params: Readonly<Record<string, string>>,
  ): object {
    if (name === 'createOrganization') return organize(request);
    if (name === 'getHealth') return { status: 'ok', version: '0.0.0', time: new Date(now()).toISOString() };
    if (name === 'listChains')
      return {
        data: Object.entries(blockchains).map(
          ([blockchain, { name: title, family, caip2, curve, unit, decimals, testnet }]) => ({
            blockchain,
            name: title,
            family,
            caip2,
            keyType: curve,
            unit,
            decimals,
            testnet,
            kinds: ['message', 'transaction'],
          }),
        ),
      };
    if (name === 'getAttestations')
      return {
        nodes: (['node1', 'node2'] as const).map((node) => ({
          node,
          identity: toBase64url(nodes[node].identity),
          delegation: nodes[node].delegation,
        })),
      };
    const [organization = '', credential = ''] =
      /keyid="([^"]*)"/.exec(request.signatureInput)?.[1]?.split('/') ?? [];
    const registry = registries.get(organization);
    verifyHttpSignature(request, () => registry?.credentials[credential], now());
    if (!registry) throw new CustodyError('credential_unknown', 'unknown');
    switch (name) {
      case 'getOrganization': {
        const credentials = Object.entries(registry.credentials).map(([id, value]) => ({
          id,
          ...value,
          member: holderName(registry, value.holder),
        }));
        return { id: organization, name: registry.name, head: registry.head, credentials, created };
      }
      case 'listStatements': {
        const { from = 0, limit = 20 } = readQuery(name, request.query);
        const data = (logs.get(organization) ?? []).slice(from, from + limit);
        return { data, head: registry.head, seq: registry.seq };
      }
      case 'createWalletSet': {
        const { authorisation, ...body } = readBody('createWalletSet', request.body);
        const operation = walletSetOperation(organization, request.idempotencyKey, body);
        const { digest, stored, finish } = authorised(request, registry, authorisation, operation);
        if (stored) return stored;
        const id = derivedId('wset', digest, 0);
        const all = { secp256k1: toHex(accountPublic), ed25519: toHex(edAccount) };
        const publicKeys = Object.fromEntries(operation.keyTypes.map((type) => [type, all[type]]));
        const { custody, keyTypes } = operation;
        walletSets.set(id, {
          id,
          name: body.name,
          custody,
          keyTypes,
          state: 'active',
          publicKeys,
          xpub: account.publicExtendedKey,
          created,
          auditEventId: 'evt_1',
        });
        return finish(walletSets.get(id) ?? {});
      }
      case 'listWalletSets':
        return page([...walletSets.values()].reverse(), readQuery(name, request.query));
      case 'getWalletSet': {
        const set = walletSets.get(readParams(name, params).id);
        if (!set) throw new CustodyError('wallet_set_not_found', 'no such wallet set');
        return set;
      }
      case 'createWallets':
        return createWallets(request, registry);
      case 'listWallets': {
        const query = readQuery(name, request.query);
        const mine = [...wallets.values()].filter((w) => !query.walletSet || w.walletSet === query.walletSet);
        return page(mine.reverse().map(shown), query);
      }
      case 'getWallet':
        return shown(walletAt(readParams(name, params).id));
      case 'getAddressProof':
        return proofs(registry, readParams(name, params).id);
      case 'createSignature':
        return createSignature(request, registry, readParams(name, params).id);
      case 'previewSignature':
        return preview(registry, readBody('previewSignature', request.body));
      case 'listSignatures':
        return page([...signatures.values()].reverse(), readQuery(name, request.query));
      case 'getSignature': {
        const signature = signatures.get(readParams(name, params).id);
        if (!signature) throw new CustodyError('signature_not_found', 'no such signature');
        return signature;
      }
      case 'getIdempotencyKey': {
        const known = byKey.get(readParams(name, params).key);
        if (!known) throw new CustodyError('idempotency_key_not_found', 'unknown');
        const operation = toBase64url(Uint8Array.from(Buffer.from(known.digest, 'hex')));
        return {
          key: params['key'],
          operation,
          state: 'completed',
          resources: [String(known.answer['id'])],
          created,
        };
      }
      default:
        throw new CustodyError('route_not_found', name);
    }
  }

  const fetch: Fetch = async (url, init) => {
    const { pathname: path, search } = new URL(url);
    const header = new Headers(init.headers);
    const request: ActorRequest = {
      method: init.method ?? 'GET',
      path,
      query: search === '' ? '?' : search,
      contentDigest: header.get('content-digest') ?? '',
      idempotencyKey: header.get('idempotency-key') ?? '',
      signatureInput: header.get('signature-input') ?? '',
      signature: header.get('signature') ?? '',
      body: init.body instanceof Uint8Array ? init.body : new Uint8Array(),
    };
    const date = new Date(now()).toUTCString();
    try {
      const { name, params } = matchRoute(request.method, path);
      const attempt = (attempts.get(name) ?? 0) + 1;
      attempts.set(name, attempt);
      seen.push({ name, request });
      const instead = mischief.before?.(name, attempt);
      if (instead) return instead;
      const value = carryOut(name, request, params) as Record<string, unknown>;
      mischief.after?.(name, attempt);
      const answer = mischief.answer?.(name, structuredClone(value)) ?? value;
      return new Response(JSON.stringify(answer), { status: 200, headers: { date } });
    } catch (error) {
      if (!(error instanceof CustodyError)) throw error;
      const problem = problemOf(error, { instance: path, requestId: 'req_1' });
      return new Response(JSON.stringify(problem), {
        status: problem.status,
        headers: { date, 'content-type': problemMediaType },
      });
    }
  };

  return {
    fetch,
    mischief,
    seen,
    signatures,
    nodes,
    identities: { node1: toBase64url(nodes.node1.identity), node2: toBase64url(nodes.node2.identity) },
  };
}

export const bodyOf = (request: ActorRequest): Record<string, unknown> =>
  JSON.parse(new TextDecoder().decode(request.body)) as Record<string, unknown>;
