/**
 * The signed form of a query. A gateway hands a function decoded parameters, so the form is one that can be
 * made again from them: sorted by name, escaped as `encodeURIComponent` does.
 * @module
 */

/** With its leading `?`, which stands alone if there are no parameters. */
export const canonicalQuery = (pairs: readonly (readonly [name: string, value: string])[]): string =>
  `?${[...pairs]
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join('&')}`;
