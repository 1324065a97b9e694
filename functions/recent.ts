/**
 * Remembers what pure functions of public values gave, the most recent ones. Never for secrets.
 * @module
 */

/**
 * `make(key, input)`, computed once while the key is among the last `most` that were asked for. The key
 * stands for the input; without one, for itself.
 */
export function recent<T, I = undefined>(most: number, make: (key: string, input: I) => T) {
  const known = new Map<string, T>();
  return (key: string, ...[input]: I extends undefined ? [] : [input: I]): T => {
    const value = known.get(key) ?? make(key, input as I);
    // Re-inserted at the end: the first entry of the map is the one asked for longest ago.
    known.delete(key);
    known.set(key, value);
    const oldest = known.keys().next();
    if (known.size > most && !oldest.done) known.delete(oldest.value);
    return value;
  };
}
