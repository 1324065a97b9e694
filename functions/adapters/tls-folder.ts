/**
 * The folder with what a node needs for TLS, re-read when a file changes, so that certificates and
 * revocation lists are renewed without a restart:
 *
 *   own.pem       private key and certificate, in one file so that they always belong together
 *   peer-ca.pem   the peer's authority, pinned
 *   peer-crl.pem  its revocation list
 * @module
 */
import { createHash, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bytes } from '#shared/bytes.ts';
import type { NodeName } from '#shared/crypto/attestation.ts';
import { PeerRefused, type PeerTrust, peerTrust } from './peer-certificate.ts';

export interface TlsMaterial {
  /** PEM of key and certificate. */
  readonly own: string;
  /** SHA-256 of the SubjectPublicKeyInfo of the own certificate, 32 bytes. */
  readonly keyHash: Bytes;
  readonly trust: PeerTrust;
}

/** The same object until a file changes. @throws {PeerRefused} if anything is missing or does not fit */
export type TlsFolder = () => Promise<TlsMaterial>;

const files = ['own.pem', 'peer-ca.pem', 'peer-crl.pem'] as const;

/** What a TLS server of this node asks of who connects: a certificate of the peer's authority, TLS 1.3. */
export const serverDemands = ({ own, trust }: TlsMaterial) => ({
  key: own,
  cert: own,
  ca: trust.ca,
  crl: trust.crl,
  minVersion: 'TLSv1.3' as const,
  requestCert: true,
  rejectUnauthorized: true,
});

/** @param everyMs how long an answer is good without a look at the disk */
export function tlsFolder(folder: string, peer: NodeName, everyMs = 1_000): TlsFolder {
  const paths = files.map((name) => join(folder, name));
  let current: { readonly version: string; readonly material: TlsMaterial } | undefined;
  let looked = Number.NEGATIVE_INFINITY;
  let looking: Promise<TlsMaterial> | undefined;

  async function look(): Promise<TlsMaterial> {
    try {
      const stats = await Promise.all(paths.map((path) => stat(path)));
      const version = stats.map(({ ino, mtimeMs, size }) => `${ino}:${mtimeMs}:${size}`).join();
      if (current?.version !== version) current = { version, material: await read(paths, peer) };
      looked = performance.now();
      return current.material;
    } catch (cause) {
      // What was good a second ago is not good enough: a list that is gone may have been taken away.
      current = undefined;
      throw cause instanceof PeerRefused ? cause : new PeerRefused('the TLS folder is incomplete', { cause });
    }
  }

  return () => {
    if (current && performance.now() - looked < everyMs) return Promise.resolve(current.material);
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };
}

async function read(paths: readonly string[], peer: NodeName): Promise<TlsMaterial> {
  const [own = '', ca = '', crl = ''] = await Promise.all(paths.map((path) => readFile(path, 'utf8')));
  const spki = new X509Certificate(own.slice(own.indexOf('-----BEGIN CERTIFICATE'))).publicKey.export({
    format: 'der',
    type: 'spki',
  });
  return {
    own,
    keyHash: new Uint8Array(createHash('sha256').update(spki).digest()),
    trust: await peerTrust(peer, ca, crl),
  };
}
