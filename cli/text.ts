/**
 * Results as a person reads them.
 * @module
 */
import type { Stated } from '../client/registry.ts';
import type { Signature } from '../client/signatures.ts';
import type { WalletSet } from '../client/wallet-sets.ts';
import type { Wallet } from '../client/wallets.ts';
import { escapeText } from '../shared/chains/display.ts';
import type { ScopeMap } from '../shared/registry/registry.ts';

/** Lines of a name and a value; what is undefined or empty is left out. */
export function fields(rows: Readonly<Record<string, string | undefined>>): string {
  const present = Object.entries(rows).filter(([, value]) => value !== undefined && value !== '');
  const width = Math.max(0, ...present.map(([name]) => name.length)) + 2;
  return present.map(([name, value]) => `${name.padEnd(width)}${value}\n`).join('');
}

/** Columns with a head line. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return 'none\n';
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
  return all
    .map(
      (row) =>
        `${row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** What kind of key it is; of a passkey, where it may be used. */
export const kindText = ({
  algorithm,
  rpId,
}: {
  readonly algorithm: string;
  readonly rpId?: string | undefined;
}): string => (rpId === undefined ? algorithm : `passkey of ${rpId}`);

// Names come from elsewhere: nothing in them may move the cursor.
export const walletSetText = (set: WalletSet): string =>
  fields({
    id: set.id,
    name: escapeText(set.name),
    custody: set.custody,
    state: set.state,
    secp256k1: set.publicKeys.secp256k1,
    ed25519: set.publicKeys.ed25519,
    xpub: set.xpub,
    created: set.created,
    'audit event': set.auditEventId,
  });

export const walletRow = (wallet: Wallet): string[] => [
  wallet.id,
  wallet.blockchain,
  wallet.address,
  wallet.path,
  escapeText(wallet.name),
];
export const walletHead = ['id', 'blockchain', 'address', 'path', 'name'];

export const walletText = (wallet: Wallet): string =>
  fields({
    id: wallet.id,
    'wallet set': wallet.walletSet,
    blockchain: wallet.blockchain,
    address: wallet.address,
    'address type': wallet.addressType,
    'public key': wallet.publicKey,
    path: wallet.path,
    name: escapeText(wallet.name),
    'ref id': escapeText(wallet.refId),
    created: wallet.created,
  });

export const signatureText = (signature: Signature): string =>
  fields({
    id: signature.id,
    state: signature.state,
    wallet: signature.wallet,
    what: signature.intent.summary,
    signature: signature.signature,
    'signed transaction': signature.signedTransaction,
    'transaction id': signature.transactionId,
    created: signature.created,
    'audit event': signature.auditEventId,
  });

export const scopesText = (scopes: ScopeMap): string =>
  Object.entries(scopes)
    .map(([walletSet, list]) => `${walletSet}:${list.join(',') || 'nothing'}`)
    .join(' ');

/** What came of a statement, and where the registry stands after it. */
export const statedText = (
  { head, seq, auditEventId }: Stated,
  rows: Readonly<Record<string, string | undefined>>,
): string => {
  const shown = Object.entries(rows).map(([name, value]) => [name, value && escapeText(value)]);
  return fields({
    ...Object.fromEntries(shown),
    statement: seq,
    'registry head': head,
    'audit event': auditEventId,
  });
};

/** RFC 3339; a time that no calendar has is shown as it is. @param epochMs of somebody else's making */
export const timeText = (epochMs: number): string =>
  Math.abs(epochMs) <= 8.64e15 ? new Date(epochMs).toISOString() : `${epochMs} ms after 1970`;
