/**
 * Address ranges of API keys: IPv4 and IPv6 in CIDR notation (RFC 4632, RFC 4291).
 * @module
 */

/** The address as one number, and how many bits it has. IPv4 in IPv6 (`::ffff:1.2.3.4`) counts as IPv4. */
function parse(address: string): { readonly bits: 32 | 128; readonly value: bigint } | undefined {
  if (/^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$/.test(address)) {
    const parts = address.split('.');
    // A leading zero is octal to some readers.
    if (parts.some((part) => Number(part) > 255 || String(Number(part)) !== part)) return undefined;
    return { bits: 32, value: parts.reduce((n, part) => (n << 8n) | BigInt(part), 0n) };
  }
  const mapped = /^(.*:)([0-9.]+)$/.exec(address);
  const tail = mapped?.[2]?.includes('.') ? parse(mapped[2]) : undefined;
  if (mapped?.[2]?.includes('.') && tail === undefined) return undefined;
  const text = tail
    ? `${mapped?.[1]}${(tail.value >> 16n).toString(16)}:${(tail.value & 0xffffn).toString(16)}`
    : address;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head = [], last = []] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head.length - last.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => '0'), ...last];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  const value = groups.reduce((n, group) => (n << 16n) | BigInt(`0x${group}`), 0n);
  return value >> 32n === 0xffffn ? { bits: 32, value: value & 0xffffffffn } : { bits: 128, value };
}

function parseRange(cidr: string) {
  const [, address = '', length = ''] = /^([0-9a-fA-F.:]+)\/(0|[1-9][0-9]{0,2})$/.exec(cidr) ?? [];
  const parsed = parse(address);
  // A range of mapped addresses would have its length in the other count.
  if (parsed === undefined || Number(length) > parsed.bits) return undefined;
  if (parsed.bits === 32 && address.includes(':')) return undefined;
  const host = BigInt(parsed.bits - Number(length));
  return { ...parsed, host };
}

/** Is this a range, with no bits set beyond its length? */
export function isCidr(value: unknown): boolean {
  const range = typeof value === 'string' ? parseRange(value) : undefined;
  return range !== undefined && (range.value >> range.host) << range.host === range.value;
}

/** Is the address in one of the ranges? What cannot be read is in none. */
export function inRanges(address: string, cidrs: readonly string[]): boolean {
  const given = parse(address);
  return cidrs.some((cidr) => {
    const range = parseRange(cidr);
    return (
      given !== undefined &&
      range?.bits === given.bits &&
      range.value >> range.host === given.value >> range.host
    );
  });
}
