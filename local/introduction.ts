/**
 * How the two nodes come to know each other: what the operators of two accounts would tell each other once,
 * and the revocation lists that they would publish.
 * @module
 */
import { join } from 'node:path';
import { readIfThere, writeWhole } from './files.ts';
import { StartError } from './folder.ts';

export const accounts = ['account1', 'account2'] as const;
export type Account = (typeof accounts)[number];
export const peerOf = { account1: 'account2', account2: 'account1' } as const;

/** Both identities, kept from the first start on. @throws {StartError} if they are others than then */
export function keepIdentities(folder: string, facts: Record<Account, Readonly<Record<string, string>>>) {
  const identities = {
    node1: facts.account1['identity'] ?? '',
    node2: facts.account2['identity'] ?? '',
  };
  const path = join(folder, 'identities.json');
  const text = `${JSON.stringify(identities, null, 2)}\n`;
  const kept = readIfThere(path);
  if (kept === undefined) writeWhole(path, text);
  else if (kept !== text)
    throw new StartError(
      `the nodes have other keys than before; was the AWS emulator restarted? npm run reset`,
    );
  return identities;
}

/** Hands each account the other's authority, once, and its revocation list, whenever it is a new one. */
export function introduce(folder: string): void {
  for (const account of accounts) {
    const mine = join(folder, account, 'tls');
    const theirs = join(folder, peerOf[account], 'tls');
    const authority = readIfThere(join(theirs, 'ca.pem')) ?? '';
    const pinned = readIfThere(join(mine, 'peer-ca.pem'));
    if (pinned === undefined) writeWhole(join(mine, 'peer-ca.pem'), authority);
    else if (pinned !== authority)
      throw new StartError(`the authority of ${peerOf[account]} is another one than ${account} has pinned`);
    const list = readIfThere(join(theirs, 'crl.pem')) ?? '';
    if (readIfThere(join(mine, 'peer-crl.pem')) !== list) writeWhole(join(mine, 'peer-crl.pem'), list);
  }
}
