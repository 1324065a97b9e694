/**
 * Lists on the command line: as many as were asked for, over as many pages as that takes.
 * @module
 */
export const limitOption = {
  limit: { value: 'N', help: 'At most this many; 100 if absent' },
} as const;

export async function collect<T>(items: AsyncIterable<T>, limit = 100): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) {
    found.push(item);
    if (found.length >= limit) break;
  }
  return found;
}
