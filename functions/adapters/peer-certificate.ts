/**
 * A node's own check of its peer's certificate. Node's TLS, or a load balancer, has checked the chain; but
 * it takes any name that the authority ever signed, and it does not know who the peer is.
 *
 * Both checks run on every request: of a client certificate in the event of the gateway, and of a server
 * certificate in the handshake.
 * @module
 */
import 'reflect-metadata';
import { createHash, X509Certificate } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  X509Certificate as ParsedCertificate,
  SubjectAlternativeNameExtension,
  X509Crl,
} from '@peculiar/x509';
import type { Bytes } from '#shared/bytes.ts';
import type { NodeName } from '#shared/crypto/attestation.ts';

/** The certificate is not the peer's, or not now. Nothing it came with was looked at. */
export class PeerRefused extends Error {
  override readonly name = 'PeerRefused';
}

/** Leaves live a day at most; one that was made for longer was not made by our rules. */
const maxLifeMs = 86_400_000;

const usageOids = { client: '1.3.6.1.5.5.7.3.2', server: '1.3.6.1.5.5.7.3.1' } as const;

/** What a node knows of its peer: the pinned authority and its revocation list, both checked. */
export interface PeerTrust {
  readonly peer: NodeName;
  /** PEM, for TLS. */
  readonly ca: string;
  readonly crl: string;
  readonly authority: X509Certificate;
  readonly listFromMs: number;
  readonly listUntilMs: number;
  /** Serial numbers, lower-case hex without leading zeros. */
  readonly revoked: ReadonlySet<string>;
  /** Leaves whose signature, name and usage were found good: only the time is checked again. */
  readonly known: Map<string, KnownLeaf>;
}

interface KnownLeaf {
  readonly keyHash: Bytes;
  readonly serial: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

const canonicalSerial = (hex: string): string => hex.toLowerCase().replace(/^0+/, '');

/**
 * Trust in the peer by its authority's certificate and revocation list (PEM).
 * @throws {PeerRefused} if the list is missing, not this authority's, or not readable: fail closed
 */
export async function peerTrust(peer: NodeName, ca: string, crl: string): Promise<PeerTrust> {
  try {
    const authority = new X509Certificate(ca);
    if (!authority.ca) throw new PeerRefused('the authority is none');
    const list = new X509Crl(crl);
    const issuer = new ParsedCertificate(ca);
    if (list.issuer !== issuer.subject) throw new PeerRefused('the revocation list is of another authority');
    if (!(await list.verify({ publicKey: issuer })))
      throw new PeerRefused('the revocation list is not signed by the authority');
    // Without an end nobody could tell an old list from a current one.
    if (!list.nextUpdate) throw new PeerRefused('the revocation list has no end');
    return {
      peer,
      ca,
      crl,
      authority,
      listFromMs: list.thisUpdate.getTime(),
      listUntilMs: list.nextUpdate.getTime(),
      revoked: new Set(list.entries.map((entry) => canonicalSerial(entry.serialNumber))),
      known: new Map(),
    };
  } catch (cause) {
    throw cause instanceof PeerRefused ? cause : new PeerRefused('no readable authority and list', { cause });
  }
}

/**
 * SHA-256 of the SubjectPublicKeyInfo of the peer's certificate, 32 bytes.
 * @param pem one certificate
 * @throws {PeerRefused} unless it is the peer's, for this usage, at this time, and not revoked
 */
export function verifyPeerCertificate(
  trust: PeerTrust,
  pem: string,
  usage: 'client' | 'server',
  nowMs: number,
): Bytes {
  const id = `${usage}\n${pem}`;
  const leaf = trust.known.get(id) ?? openLeaf(trust, pem, usage);
  if (!(nowMs >= trust.listFromMs && nowMs < trust.listUntilMs))
    throw new PeerRefused('the revocation list is not current');
  if (nowMs < leaf.fromMs) throw new PeerRefused('the certificate is not valid yet');
  if (nowMs >= leaf.untilMs) throw new PeerRefused('the certificate has expired');
  if (trust.revoked.has(leaf.serial)) throw new PeerRefused('the certificate is revoked');
  // A peer renews a few times a day; more than this many at once are nobody's.
  if (trust.known.size > 64) trust.known.clear();
  trust.known.set(id, leaf);
  return leaf.keyHash;
}

/** What does not depend on the time. */
function openLeaf(trust: PeerTrust, pem: string, usage: 'client' | 'server'): KnownLeaf {
  let certificate: X509Certificate;
  let parsed: ParsedCertificate;
  try {
    certificate = new X509Certificate(pem);
    // The same bytes for both parsers, and no second certificate behind the first.
    parsed = new ParsedCertificate(new Uint8Array(certificate.raw));
  } catch (cause) {
    throw new PeerRefused('not a certificate', { cause });
  }
  if (pem.split('-----BEGIN').length > 2) throw new PeerRefused('more than one certificate');
  if (!certificate.checkIssued(trust.authority) || !certificate.verify(trust.authority.publicKey))
    throw new PeerRefused('not issued by the pinned authority');
  if (parsed.getExtension(BasicConstraintsExtension)?.ca !== false)
    throw new PeerRefused('not an end entity');
  const usages = parsed.getExtension(ExtendedKeyUsageExtension)?.usages ?? [];
  if (usages.length !== 1 || usages[0] !== usageOids[usage]) throw new PeerRefused(`not for a ${usage}`);
  const names = parsed.getExtension(SubjectAlternativeNameExtension)?.names.items ?? [];
  const uris = names.filter((name) => name.type === 'url').map((name) => name.value);
  if (uris.length !== 1 || uris[0] !== `planbok://${trust.peer}`) throw new PeerRefused('another name');
  const fromMs = parsed.notBefore.getTime();
  const untilMs = parsed.notAfter.getTime();
  if (!(untilMs - fromMs <= maxLifeMs)) throw new PeerRefused('it lives longer than a day');
  const spki = certificate.publicKey.export({ format: 'der', type: 'spki' });
  return {
    keyHash: new Uint8Array(createHash('sha256').update(spki).digest()),
    serial: canonicalSerial(certificate.serialNumber),
    fromMs,
    untilMs,
  };
}
