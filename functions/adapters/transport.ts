/**
 * Node 1's way to Node 2: Connect's unary protocol over HTTP/1.1 and TLS 1.3 with client certificates.
 * A request is sent once. What fails is reported, never repeated: the caller knows what may be asked again.
 * @module
 */
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { PeerCertificate } from 'node:tls';
import { type Bytes, concat } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Transport } from '../ports.ts';
import { type PeerTrust, verifyPeerCertificate } from './peer-certificate.ts';
import type { TlsFolder, TlsMaterial } from './tls-folder.ts';

export interface TransportOptions {
  /** `https://host:port`, perhaps with a path (the gateway's stage). */
  readonly url: string;
  readonly tls: TlsFolder;
  /** Longest time from the request to the last byte of the answer. */
  readonly timeoutMs: number;
  readonly maxResponseBytes?: number;
}

/** A connection that has been idle for longer is not used again: a frozen function may have lost it. */
const idleMs = 20_000;

const service = 'planbok.node.v1.NodeService';

/** Carries serialized Envelope messages. `tlsKeyHash` throws `node_unavailable` too. */
export function httpsTransport({
  url,
  tls,
  timeoutMs,
  maxResponseBytes = 512 * 1024,
}: TransportOptions): Transport {
  const base = new URL(url);
  if (base.protocol !== 'https:') throw new TypeError('the peer is reached over https only');
  let line: { readonly agent: Agent; readonly material: TlsMaterial; usedMs: number } | undefined;

  /** The connections in use; new ones after a renewal, a revocation, or a long pause. */
  async function agentNow(): Promise<Agent> {
    const material = await tls();
    const now = performance.now();
    if (line && (line.material !== material || now - line.usedMs > idleMs)) {
      const { agent } = line;
      line = undefined;
      // Requests that are under way on the old connections may finish.
      setTimeout(() => agent.destroy(), timeoutMs).unref();
    }
    line ??= { agent: agentOf(material), material, usedMs: now };
    line.usedMs = now;
    return line.agent;
  }

  async function exchange(method: string, body: Bytes): Promise<Bytes> {
    const agent = await agentNow();
    const path = `${base.pathname.replace(/\/$/, '')}/${service}/${method}`;
    const headers = {
      'content-type': 'application/proto',
      'content-length': body.length,
      'connect-protocol-version': '1',
      accept: 'application/proto',
    };
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const target = { host: base.hostname, port: base.port || 443, path, method: 'POST', headers };
      request({ ...target, agent, signal }, resolve)
        .on('error', reject)
        .end(body);
    });
    const answer = await bodyOf(response, maxResponseBytes);
    if (response.statusCode !== 200 || response.headers['content-type'] !== 'application/proto')
      throw new Error(`answered ${response.statusCode}`);
    return answer;
  }

  const orUnavailable = async <T>(run: () => Promise<T>): Promise<T> => {
    try {
      return await run();
    } catch (cause) {
      throw new CustodyError('node_unavailable', 'the other node cannot be reached', { cause });
    }
  };

  return {
    async send(method, envelope) {
      if (!/^[A-Z][A-Za-z0-9]{0,40}$/.test(method)) throw new TypeError('not the name of a method');
      return orUnavailable(() => exchange(method, envelope));
    },
    tlsKeyHash: () => orUnavailable(async () => (await tls()).keyHash),
  };
}

function agentOf({ own, trust }: TlsMaterial): Agent {
  return new Agent({
    keepAlive: true,
    maxSockets: 64,
    minVersion: 'TLSv1.3',
    key: own,
    cert: own,
    ca: trust.ca,
    crl: trust.crl,
    checkServerIdentity: (_host, certificate) => refusalOf(trust, certificate),
  });
}

/** The name that counts is the node's, wherever it answers. Runs after the chain was found good. */
function refusalOf(trust: PeerTrust, { raw }: PeerCertificate): Error | undefined {
  const pem = `-----BEGIN CERTIFICATE-----\n${raw.toString('base64')}\n-----END CERTIFICATE-----\n`;
  try {
    verifyPeerCertificate(trust, pem, 'server', Date.now());
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

async function bodyOf(response: IncomingMessage, most: number): Promise<Bytes> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > most) {
      response.destroy();
      throw new Error('the answer is too large');
    }
    parts.push(part);
  }
  return concat(...parts);
}
