/**
 * Where a passkey may be used: the relying party id that it was made for, and the origins of the pages that may
 * ask it to sign (WebAuthn Level 3, sections 5.1.2 and 13.4.9). Written in one way, so that they are compared
 * as text.
 * @module
 */

export interface RelyingParty {
  /** A domain, such as `wallet.example.com`, or `localhost`. */
  readonly rpId: string;
  /** 1 to {@link mostOrigins}, as a browser writes them: `https://wallet.example.com`. */
  readonly origins: readonly string[];
}

export const mostOrigins = 8;

const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
/** Lower case, at least two labels (no whole top-level domain), and no address: the last one has a letter first. */
const domain = new RegExp(`^(?:${label}\\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$`);

/** Internationalised names are in their ASCII form. */
export const isRpId = (text: unknown): text is string =>
  typeof text === 'string' && text.length <= 253 && (text === 'localhost' || domain.test(text));

const originPattern = /^(https?):\/\/([a-z0-9.-]+)(?::([1-9][0-9]{0,4}))?$/;

/**
 * Is it an origin of the relying party: its domain or one below, over TLS? On `localhost` without TLS too.
 * Apps of Android have origins of another kind, and other domains (related origins) are none.
 */
export function isOriginOf(rpId: string, origin: unknown): origin is string {
  const [, scheme, host = '', port] = (typeof origin === 'string' && originPattern.exec(origin)) || [];
  if (scheme === undefined || !isRpId(host)) return false;
  // The default port is never written.
  if (port !== undefined && (Number(port) > 65_535 || port === (scheme === 'https' ? '443' : '80')))
    return false;
  if (rpId === 'localhost') return host === 'localhost';
  return scheme === 'https' && (host === rpId || host.endsWith(`.${rpId}`));
}
