/**
 * Numbers and nodes as the page writes them.
 * @module
 */

export const numberText = (n: number): string => n.toLocaleString('en');
export const nodeText = { node1: 'Node 1', node2: 'Node 2' } as const;
