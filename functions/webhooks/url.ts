/**
 * Which URLs a webhook may have. The same rule refuses one that is registered and one that is sent to; what a name
 * resolves to is only known when it is sent to.
 * @module
 */
import { isIP } from 'node:net';
import { CustodyError } from '#shared/errors.ts';
import { isLoopbackAddress, isPublicAddress } from './address.ts';

const ports: readonly string[] = ['', '8443'];

/** The host without the brackets of an IPv6 address. */
export const hostOf = ({ hostname }: URL): string => hostname.replace(/^\[|\]$/g, '');

/** This machine, any port, also plain HTTP: for trying out, in local mode only. */
const isLocal = (url: URL): boolean =>
  /^https?:$/.test(url.protocol) && (url.hostname === 'localhost' || isLoopbackAddress(hostOf(url)));

/** May a host with this address be sent to? */
export const admits = (url: URL, local: boolean, address: string): boolean =>
  local && isLocal(url) ? isLoopbackAddress(address) : isPublicAddress(address);

/**
 * @param local of a laptop run
 * @throws {CustodyError} `webhook_url_refused`
 */
export function webhookUrl(text: string, local: boolean): URL {
  const refuse = (why: string) => new CustodyError('webhook_url_refused', why);
  if (!URL.canParse(text)) throw refuse('not a URL');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') throw refuse('a URL with a user or a password');
  if (url.hash !== '') throw refuse('a URL with a fragment');
  if (local && isLocal(url)) return url;
  if (url.protocol !== 'https:') throw refuse('only https');
  if (!ports.includes(url.port)) throw refuse('only the ports 443 and 8443');
  const host = hostOf(url);
  // Numbers in any notation are an address by now: the parser has written them as one.
  if (isIP(host) !== 0 && !isPublicAddress(host)) throw refuse('not an address of the public internet');
  if (isIP(host) === 0 && !/^(?=.{4,253}$)([a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{0,62}$/.test(host))
    throw refuse('not a full domain name');
  return url;
}
