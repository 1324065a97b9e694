/**
 * A node's certificates on disk: its authority's, its own leaf and the revocation list, renewed when two
 * thirds of their life are over. The leaf's key is made at each start, and written for the node to read.
 * @module
 */
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { KMSClient } from '@aws-sdk/client-kms';
import { privateFolder, readIfThere, writeWhole } from './files.ts';
import { type Authority, issueAuthority, issueCrl, issueLeaf, kmsSigner } from './pki.ts';

const hour = 3_600_000;
/** Leaves and lists live for this long, and are renewed after two thirds of it. */
const lifeMs = 23 * hour;
/** Clocks differ a little; leaves may live a day in all. */
const backdateMs = hour / 12;
const authorityLifeMs = 10 * 365 * 24 * hour;

export interface CertificateOptions {
  readonly kms: KMSClient;
  /** The authority's key. */
  readonly keyId: string;
  readonly node: 'node1' | 'node2';
  readonly folder: string;
  /** How often it is looked whether a renewal is due; a laptop may sleep past any timer. */
  readonly everyMs?: number;
  readonly now?: () => number;
}

/** Writes `ca.pem`, `crl.pem` and `own.pem` now, and again when it is time. */
export async function keepCertificates({
  kms,
  keyId,
  node,
  folder,
  everyMs = 30_000,
  now = Date.now,
}: CertificateOptions): Promise<{ stop(): void }> {
  privateFolder(folder);
  const signer = await kmsSigner(kms, keyId);
  const authority: Authority = { signer, name: `CN=planbok ${node} authority` };
  await keepAuthority(authority, join(folder, 'ca.pem'), now());
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const keyPem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  let issuedMs = Number.NEGATIVE_INFINITY;

  async function renew(): Promise<void> {
    const time = now();
    const period = { fromMs: time - backdateMs, untilMs: time + lifeMs };
    const leaf = await issueLeaf(authority, {
      ...period,
      uri: `planbok://${node}`,
      usage: node === 'node1' ? 'client' : 'server',
      publicKey: spki,
      hosts: [
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ],
    });
    writeWhole(join(folder, 'crl.pem'), await issueCrl(authority, period, []));
    // The same key in every renewal of a run: what envelopes say of the TLS key stays true.
    writeWhole(join(folder, 'own.pem'), keyPem + leaf);
    issuedMs = time;
  }

  await renew();
  const timer = setInterval(() => {
    if (now() - issuedMs < (lifeMs * 2) / 3) return;
    // A renewal that fails is tried again at the next look; the certificate is good for hours yet.
    renew().catch((error: Error) => process.stderr.write(`renewal failed: ${error.message}\n`));
  }, everyMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** The authority's certificate is made once: the peer has pinned it. */
async function keepAuthority(authority: Authority, path: string, nowMs: number): Promise<void> {
  const kept = readIfThere(path);
  const hash = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  if (kept !== undefined) {
    const spki = new X509Certificate(kept).publicKey.export({ format: 'der', type: 'spki' });
    if (hash(spki) === hash(authority.signer.publicKey)) return;
    throw new Error('the key of the certificate authority is another one than before: npm run reset');
  }
  const period = { fromMs: nowMs - backdateMs, untilMs: nowMs + authorityLifeMs };
  writeWhole(path, await issueAuthority(authority, period));
}
