/**
 * Authorities and leaves for tests, good ones and every kind of bad one, with keys in memory.
 * @module
 */
import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Authority, issueAuthority, issueCrl, issueLeaf, type Leaf } from '../../local/pki.ts';

const hour = 3_600_000;

export function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    pem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    publicKey: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' })),
    sign: async (message: Uint8Array) => new Uint8Array(sign('sha256', message, privateKey)),
  };
}

export interface TestAuthority extends Authority {
  /** PEM. */
  readonly certificate: string;
}

/** A new authority; two of the same name differ in their keys only. */
export async function newAuthority(name = 'CN=planbok test authority'): Promise<TestAuthority> {
  const signer = newKey();
  const now = Date.now();
  const authority = { signer, name };
  const certificate = await issueAuthority(authority, {
    fromMs: now - 100 * hour,
    untilMs: now + 1000 * hour,
  });
  return { ...authority, certificate };
}

export interface TestLeaf {
  readonly certificate: string;
  /** Key and certificate, PEM. */
  readonly own: string;
  /** Hex. */
  readonly serial: string;
}

/** A leaf that is good but for what `wrong` says. */
export async function newLeaf(
  authority: Authority,
  usage: 'client' | 'server',
  wrong: Partial<Leaf> = {},
): Promise<TestLeaf> {
  const key = newKey();
  const now = Date.now();
  const certificate = await issueLeaf(authority, {
    uri: usage === 'client' ? 'planbok://node1' : 'planbok://node2',
    usage,
    publicKey: key.publicKey,
    fromMs: now - hour,
    untilMs: now + 20 * hour,
    hosts: [
      { type: 'dns', value: 'localhost' },
      { type: 'ip', value: '127.0.0.1' },
    ],
    ...wrong,
  });
  return { certificate, own: key.pem + certificate, serial: new X509Certificate(certificate).serialNumber };
}

/** A current list, but for what `wrong` says. */
export const newCrl = (
  authority: Authority,
  revoked: readonly string[] = [],
  wrong: { readonly fromMs?: number; readonly untilMs?: number } = {},
): Promise<string> =>
  issueCrl(authority, { fromMs: Date.now() - hour, untilMs: Date.now() + 20 * hour, ...wrong }, revoked);

/** A folder for `tlsFolder`; a file that is undefined is not there. */
export function tlsFiles(files: {
  readonly own: string;
  readonly ca: string;
  readonly crl: string | undefined;
}): string {
  const folder = mkdtempSync(join(tmpdir(), 'planbok-tls-'));
  writeFileSync(join(folder, 'own.pem'), files.own);
  writeFileSync(join(folder, 'peer-ca.pem'), files.ca);
  if (files.crl !== undefined) writeFileSync(join(folder, 'peer-crl.pem'), files.crl);
  return folder;
}
