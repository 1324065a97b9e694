/**
 * Origins of pages, as browsers write them (RFC 6454, 6.2).
 * @module
 */

const isLoopback = (hostname: string): boolean => /^(?:localhost|127\.0\.0\.1|\[::1\])$/.test(hostname);

function parsed(text: string): URL | undefined {
  try {
    const url = new URL(text);
    return url.origin === text ? url : undefined;
  } catch {
    return undefined;
  }
}

/** A page of this machine, on any port, without TLS. */
export function isLocalPage(text: string): boolean {
  const url = parsed(text);
  return url !== undefined && url.protocol === 'http:' && isLoopback(url.hostname);
}

/** A page over TLS. */
export const isSecurePage = (text: string): boolean => parsed(text)?.protocol === 'https:';
