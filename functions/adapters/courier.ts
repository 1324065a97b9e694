/**
 * Posts to URLs that users chose. The name is resolved once, every address is checked, and the connection goes to
 * the address that was checked: a name that resolves otherwise a moment later changes nothing. No redirect is
 * followed, nothing of ours but the message is sent, and little of the answer is read.
 * @module
 */
import { lookup } from 'node:dns/promises';
import { type IncomingMessage, type RequestOptions, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { Bytes } from '#shared/bytes.ts';
import type { Attempt, Courier, Failure } from '../webhooks/ports.ts';
import { admits, hostOf, webhookUrl } from '../webhooks/url.ts';

export interface CourierOptions {
  /** This machine is allowed, and plain HTTP to it. */
  readonly local: boolean;
  /** From the name to the end of the answer; 15 s if absent (Standard Webhooks: 15 to 30 s). */
  readonly timeoutMs?: number;
  /** Addresses of a name. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** Trusted besides the usual authorities: for tests. PEM. */
  readonly ca?: string;
}

/** Of the answer, bytes: read, and kept. */
const readBytes = 16_384;
const keptBytes = 256;
const headerBytes = 16_384;

const resolveByDns = async (host: string): Promise<readonly string[]> =>
  (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address);

class Refused extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure);
    this.failure = failure;
  }
}

export function courierOf({
  local,
  timeoutMs = 15_000,
  resolve = resolveByDns,
  ca,
}: CourierOptions): Courier {
  const send = async (
    text: string,
    headers: Readonly<Record<string, string>>,
    body: Bytes,
    signal: AbortSignal,
  ) => {
    const url = accepted(text, local);
    const address = await checkedAddress(url, local, resolve, signal);
    return post(url, address, headers, body, signal, ca);
  };
  return async (text, headers, body) => {
    const begun = performance.now();
    const signal = AbortSignal.timeout(timeoutMs);
    const outcome = await send(text, headers, body, signal).catch(
      (error: unknown): Omit<Attempt, 'durationMs'> => ({
        failure: signal.aborted ? 'timeout' : failureOf(error),
        response: '',
      }),
    );
    return { ...outcome, durationMs: Math.round(performance.now() - begun) };
  };
}

function accepted(text: string, local: boolean): URL {
  try {
    return webhookUrl(text, local);
  } catch {
    throw new Refused('url_refused');
  }
}

/** Of several addresses none may be refused: which of them would be used is nobody's to choose. */
async function checkedAddress(
  url: URL,
  local: boolean,
  resolve: (host: string) => Promise<readonly string[]>,
  signal: AbortSignal,
): Promise<string> {
  const host = hostOf(url);
  const addresses = isIP(host) !== 0 ? [host] : await before(signal, named(resolve(host)));
  // Without a second try at another one: what is most widely reachable first.
  const [first] = addresses.toSorted((a, b) => isIP(a) - isIP(b));
  if (first === undefined) throw new Refused('name_unknown');
  if (!addresses.every((address) => admits(url, local, address))) throw new Refused('address_refused');
  return first;
}

const named = (found: Promise<readonly string[]>) =>
  found.catch(() => {
    throw new Refused('name_unknown');
  });

/** Resolving a name cannot be interrupted; waiting for it can. */
const before = <T>(signal: AbortSignal, work: Promise<T>): Promise<T> =>
  new Promise((done, fail) => {
    signal.addEventListener('abort', () => fail(new Refused('timeout')), { once: true });
    work.then(done, fail);
  });

function failureOf(error: unknown): Failure {
  if (error instanceof Refused) return error.failure;
  const code = String((error as { readonly code?: unknown }).code);
  return /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_|DEPTH_ZERO|SELF_SIGNED|EPROTO)/.test(code)
    ? 'tls_failed'
    : 'connection_failed';
}

function post(
  url: URL,
  address: string,
  headers: Readonly<Record<string, string>>,
  body: Bytes,
  signal: AbortSignal,
  ca: string | undefined,
): Promise<Omit<Attempt, 'durationMs'>> {
  const family = isIP(address);
  const pinned: LookupFunction = (_, options, done) =>
    options.all ? done(null, [{ address, family }]) : done(null, address, family);
  const options: RequestOptions & { readonly ca?: string } = {
    method: 'POST',
    headers: { ...headers, 'content-length': String(body.length), connection: 'close' },
    lookup: pinned,
    // No connection outlives its message: the next one is checked anew.
    agent: false,
    maxHeaderSize: headerBytes,
    signal,
    ...(ca !== undefined && { ca }),
  };
  return new Promise((done, fail) => {
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options, (response) => {
      // From here on there is an answer, whatever becomes of the connection.
      request.off('error', fail).on('error', () => undefined);
      read(response)
        .then(done, fail)
        .finally(() => request.destroy());
    });
    request.on('error', fail);
    request.end(body);
  });
}

async function read(message: IncomingMessage): Promise<Omit<Attempt, 'durationMs'>> {
  const { statusCode: status = 0, headers } = message;
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of message as AsyncIterable<Buffer>) {
      if (length < keptBytes) chunks.push(chunk);
      length += chunk.length;
      if (length >= readBytes) break;
    }
  } catch {
    // Cut off or too slow: the status is the answer all the same.
  }
  const failure =
    status >= 300 && status < 400 ? 'redirect_refused' : status < 200 || status > 299 ? 'status' : undefined;
  const retryAfterMs = retryAfter(headers['retry-after']);
  return {
    status,
    response: printable(Buffer.concat(chunks).subarray(0, keptBytes)),
    ...(failure && { failure }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  };
}

/** Seconds, or an HTTP date (RFC 9110, 10.2.3). */
function retryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

/** What a terminal or a page can show without harm. */
const printable = (bytes: Uint8Array): string =>
  new TextDecoder().decode(bytes).replaceAll(/[^\x20-\x7e]/g, '·');
