/**
 * Dry runs: what a payload does, and what the policy says of it, as both nodes will find it. Nothing is
 * stored. What windows hold is known at Node 2 alone, so here they are empty.
 * @module
 */
import { toBase64url, toHex } from '#shared/bytes.ts';
import type { SignPayload } from '#shared/chains/intent.ts';
import { decodePayload } from '#shared/chains/payload.ts';
import { CustodyError } from '#shared/errors.ts';
import { signatureOperation } from '#shared/intent/build.ts';
import { operationDigest } from '#shared/intent/operation.ts';
import { parsePolicy, policyDigest } from '#shared/policy/policy.ts';
import { readBody } from '#shared/wire/parse.ts';
import type { Answer as Reply } from '#shared/wire/routes.ts';
import type { HttpRequest } from '../http.ts';
import { approvalsOf } from '../intake.ts';
import { judge, policyInForce } from '../policy.ts';
import type { Clock } from '../ports.ts';
import type { Reader } from '../reader.ts';
import { firstEpoch, type Ledger } from '../stores/ledger.ts';
import type { Wallet } from '../stores/resources.ts';
import { walletKeyOf } from '../wallet-key.ts';

export interface PreviewPorts {
  readonly ledger: Ledger;
  readonly clock: Clock;
}

/** A wallet that the reader may see. @throws {CustodyError} `wallet_not_found` */
export type OwnWallet = (id: string) => Promise<Wallet>;

/** Decodes as both nodes will, and says what an actor would authorise. */
export async function preview(
  ports: PreviewPorts,
  reader: Reader,
  request: HttpRequest,
  ownWallet: OwnWallet,
): Promise<Reply<'previewSignature'>> {
  const { wallet: id, payload, idempotencyKey, approvals } = readBody('previewSignature', request.body);
  const wallet = await ownWallet(id);
  const { decoded, operation, digest } = await read(ports, reader, wallet, payload, idempotencyKey);
  const asked = {
    registry: reader.registry,
    requester: reader.credential.holder,
    walletSet: wallet.walletSet,
    digest,
    intent: decoded.intent,
    approvals: approvalsOf(approvals),
  };
  const { outcome, reasons } = judge(asked, ports.clock());
  return {
    operation: operation as Reply<'previewSignature'>['operation'],
    operationDigest: toBase64url(digest),
    intent: decoded.intent as Reply<'previewSignature'>['intent'],
    toSign: decoded.toSign.map(({ path, algorithm, bytes, merkleRoot }) => ({
      path,
      algorithm,
      bytes: toHex(bytes),
      ...(merkleRoot && { merkleRoot: toHex(merkleRoot) }),
    })),
    policy: { outcome, reasons: [...reasons] },
  };
}

/** What a policy, the one in force or a draft, says of a payload. */
export async function evaluate(
  ports: PreviewPorts,
  reader: Reader,
  request: HttpRequest,
  ownWallet: OwnWallet,
): Promise<Reply<'evaluatePolicy'>> {
  const body = readBody('evaluatePolicy', request.body);
  const { wallet: id, payload, idempotencyKey = '', approvals } = body;
  const wallet = await ownWallet(id);
  const { walletSet } = wallet;
  const draft = body.policy === undefined ? undefined : draftOf(body.policy);
  const { decoded, digest } = await read(ports, reader, wallet, payload, idempotencyKey);
  const policy = draft ?? policyInForce(reader.registry, walletSet);
  const asked = {
    registry: reader.registry,
    requester: reader.credential.holder,
    walletSet,
    digest,
    intent: decoded.intent,
    approvals: approvalsOf(approvals),
  };
  const { outcome, reasons, spends } = judge(asked, ports.clock(), { policy });
  return {
    outcome,
    reasons: [...reasons],
    spends: spends.map(({ asset, amount }) => ({ asset, amount: String(amount) })),
  };
}

/** The policies of the wallet sets that the reader may see. */
export function policies({ registry }: Reader, sees: (walletSet: string) => boolean): Reply<'listPolicies'> {
  const visible = Object.entries(registry.policies).filter(([set]) => set === '*' || sees(set));
  return {
    data: visible.map(([walletSet, text]) => {
      const policy = policyInForce(registry, walletSet);
      return {
        walletSet,
        policy: JSON.parse(text) as Reply<'listPolicies'>['data'][number]['policy'],
        ...(policy && { digest: toBase64url(policyDigest(policy)) }),
      };
    }),
  };
}

/** @throws {CustodyError} `request_invalid` */
function draftOf(document: unknown) {
  try {
    return parsePolicy(document);
  } catch (error) {
    if (!(error instanceof CustodyError)) throw error;
    const problems = error.problems.map(({ pointer, detail }) => ({ pointer: `/policy${pointer}`, detail }));
    throw new CustodyError(error.code, error.message, { problems });
  }
}

async function read(
  { ledger }: PreviewPorts,
  { organization, rights }: Reader,
  wallet: Wallet,
  payload: SignPayload,
  idempotencyKey: string,
) {
  const account = (await ledger.read(wallet.walletSet, firstEpoch))?.account;
  if (account === undefined) throw new CustodyError('wallet_set_not_found', 'no keys');
  const allowRawDigest = rights.explain('sign_raw', wallet.walletSet) === undefined;
  const decoded = decodePayload(payload, walletKeyOf(account, wallet), { allowRawDigest });
  const operation = signatureOperation(organization, idempotencyKey, wallet, payload, decoded);
  return { decoded, operation, digest: operationDigest(operation) };
}
