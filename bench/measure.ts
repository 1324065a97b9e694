/**
 * Figures: quantiles of samples, CPU time of this process, tables on the terminal.
 * @module
 */

export interface Spread {
  readonly median: number;
  readonly p95: number;
}

/** The smallest sample that at least this share of the samples does not exceed. */
export function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export const spreadOf = (samples: readonly number[]): Spread => ({
  median: round(quantile(samples, 0.5)),
  p95: round(quantile(samples, 0.95)),
});

export const round = (n: number): number => Math.round(n * 100) / 100;

/** CPU milliseconds (user and system, all threads) of each run after the warm-up. */
export function cpuOf(run: () => void, warmUp: number, runs: number): number[] {
  for (let i = 0; i < warmUp; i++) run();
  return Array.from({ length: runs }, () => {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
}

export type Row = readonly (string | number)[];

/** Right-aligned columns under a title; the first column is a name. */
export function printTable(title: string, head: Row, rows: readonly Row[]): void {
  const cells = [head, ...rows].map((row) => row.map((cell) => String(cell)));
  const widths = head.map((_, i) => Math.max(...cells.map((row) => (row[i] ?? '').length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  console.log(`\n${title}`);
  for (const row of cells) console.log(`  ${line(row)}`);
}
