/**
 * Certificates of the channel between the nodes: one authority per node, whose private key stays in that
 * account's KMS, and leaves that live a day at most. Each node trusts the peer's authority only.
 * @module
 */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { GetPublicKeyCommand, type KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { p256 } from '@noble/curves/nist.js';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type GeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509';
import type { Bytes } from '#shared/bytes.ts';

/** A P-256 key that signs and is never seen. */
export interface Signer {
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Bytes;
  /** ECDSA with SHA-256 over the message; DER. */
  sign(message: Bytes): Promise<Bytes>;
}

/** The signing key `keyId` of a KMS. */
export async function kmsSigner(kms: KMSClient, KeyId: string): Promise<Signer> {
  const { PublicKey } = await kms.send(new GetPublicKeyCommand({ KeyId }));
  if (!PublicKey) throw new Error('the key service answered without a public key');
  return {
    publicKey: PublicKey,
    async sign(Message) {
      const input = { KeyId, Message, MessageType: 'RAW', SigningAlgorithm: 'ECDSA_SHA_256' } as const;
      const { Signature } = await kms.send(new SignCommand(input));
      if (!Signature) throw new Error('the key service answered without a signature');
      return Signature;
    },
  };
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A `Crypto` whose `sign` asks the signer, which knows DER where WebCrypto wants r‖s. */
function cryptoOf(signer: Signer): webcrypto.Crypto {
  const sign = async (_algorithm: unknown, _key: unknown, message: ArrayBuffer) => {
    const der = await signer.sign(new Uint8Array(message));
    return p256.Signature.fromBytes(der, 'der').toBytes('compact');
  };
  const getRandomValues = webcrypto.getRandomValues.bind(webcrypto);
  // The generators call nothing else of it.
  return { subtle: { sign }, getRandomValues } as unknown as webcrypto.Crypto;
}

/** The generators read the algorithm of the key and hand the rest to {@link cryptoOf}. */
const signingKey = { algorithm } as unknown as webcrypto.CryptoKey;

export interface Authority {
  readonly signer: Signer;
  /** Its distinguished name. */
  readonly name: string;
}

export interface Period {
  readonly fromMs: number;
  readonly untilMs: number;
}

const validity = ({ fromMs, untilMs }: Period) => ({
  notBefore: new Date(fromMs),
  notAfter: new Date(untilMs),
});

/** The authority's own certificate, PEM. */
export async function issueAuthority({ signer, name }: Authority, period: Period): Promise<string> {
  const certificate = await X509CertificateGenerator.create(
    {
      subject: name,
      issuer: name,
      publicKey: signer.publicKey,
      signingKey,
      ...validity(period),
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    },
    cryptoOf(signer),
  );
  return `${certificate.toString('pem')}\n`;
}

export interface Leaf extends Period {
  /** The one name that the peer checks, as a URI: `planbok://node1`. */
  readonly uri: string;
  readonly usage: 'client' | 'server';
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Bytes;
  /** Host names and addresses of a server; nobody relies on them but Node's own TLS. */
  readonly hosts?: readonly { readonly type: 'dns' | 'ip'; readonly value: string }[];
}

/** A leaf certificate, PEM. */
export async function issueLeaf({ signer, name }: Authority, leaf: Leaf): Promise<string> {
  const names: GeneralNames = [{ type: 'url', value: leaf.uri }, ...(leaf.hosts ?? [])] as never;
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage[leaf.usage === 'client' ? 'clientAuth' : 'serverAuth']]),
    new SubjectAlternativeNameExtension(names),
  ];
  const certificate = await X509CertificateGenerator.create(
    {
      subject: `CN=${leaf.uri.replace(/[^a-z0-9]+/g, ' ')}`,
      issuer: name,
      publicKey: leaf.publicKey,
      signingKey,
      ...validity(leaf),
      extensions,
    },
    cryptoOf(signer),
  );
  return `${certificate.toString('pem')}\n`;
}

/** The authority's list of revoked serial numbers (hex), PEM under the label that Node reads. */
export async function issueCrl(
  { signer, name }: Authority,
  { fromMs, untilMs }: Period,
  revoked: readonly string[],
): Promise<string> {
  const crl = await X509CrlGenerator.create(
    {
      issuer: name,
      thisUpdate: new Date(fromMs),
      nextUpdate: new Date(untilMs),
      entries: revoked.map((serialNumber) => ({ serialNumber, revocationDate: new Date(fromMs) })),
      signingAlgorithm: algorithm,
      signingKey,
    },
    cryptoOf(signer),
  );
  const lines = Buffer.from(crl.rawData)
    .toString('base64')
    .replace(/(.{64})/g, '$1\n');
  return `-----BEGIN X509 CRL-----\n${lines.trimEnd()}\n-----END X509 CRL-----\n`;
}
