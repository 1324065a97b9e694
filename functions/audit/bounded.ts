/**
 * Remembers a value per log in a program that serves many organizations: at most so many, the oldest go first.
 */
export function keepBounded<V>(map: Map<string, V>, key: string, value: V, most = 1_000): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > most && !oldest.done) map.delete(oldest.value);
}
