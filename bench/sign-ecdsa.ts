/**
 * CPU and wall time of ECDSA signatures, both nodes in this process: `npx tsx bench/sign-ecdsa.ts [count]`.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { reference } from '#shared/mpc/arithmetic-reference.ts';
import { kernel } from '#shared/mpc/kernel/kernel.ts';
import { p1Finish, p1Middle, p1Start, p2Finish, p2Respond } from '#shared/mpc/sign-ecdsa.ts';
import { requestOf, sessions, vectorShares } from '../test/support/ecdsa-vectors.ts';

const count = Number(process.argv[2] ?? 200);
const [share1, share2] = vectorShares();
const random = (n: number): Uint8Array => new Uint8Array(randomBytes(n));
const request = requestOf(sessions[1] as (typeof sessions)[number]);

const steps = ['N1 start', 'N2 respond', 'N1 middle', 'N2 finish', 'N1 finish', 'both'] as const;

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number;
}

function run(name: string, arithmetic: typeof kernel, rounds: number): void {
  const wall = new Map<string, number[]>(steps.map((s) => [s, []]));
  const cpu: number[] = [];
  for (let n = 0; n < rounds; n++) {
    const before = process.cpuUsage();
    const times = [performance.now()];
    const reqId = random(16);
    const [started, S1] = p1Start(share1, request, random);
    times.push(performance.now());
    const [stored, S2] = p2Respond(share2, request, reqId, S1, random, arithmetic);
    times.push(performance.now());
    const [middle, S3] = p1Middle(started, share1, request, S2, random, arithmetic);
    times.push(performance.now());
    const S4 = p2Finish(share2, request, reqId, stored, S3, random, arithmetic);
    times.push(performance.now());
    p1Finish(middle, request, S4, random, arithmetic);
    times.push(performance.now());
    const used = process.cpuUsage(before);
    // The first fifth warms the compiler up.
    if (n < rounds / 5) continue;
    cpu.push((used.user + used.system) / 1000);
    for (const [i, step] of steps.slice(0, 5).entries())
      wall.get(step)?.push((times[i + 1] as number) - (times[i] as number));
    wall.get('both')?.push((times[5] as number) - (times[0] as number));
  }
  const line = (label: string, values: readonly number[]): void => {
    const sorted = values.toSorted((a, b) => a - b);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const cells = [at(sorted, 0.5), mean, at(sorted, 0.95)].map((ms) => ms.toFixed(2).padStart(8));
    process.stdout.write(`${label.padEnd(24)}${cells.join('')}\n`);
  };
  process.stdout.write(`\n${name}, ${rounds} signatures, ms${'median    mean     p95'.padStart(30)}\n`);
  for (const step of steps) line(`wall ${step}`, wall.get(step) as number[]);
  line('CPU both', cpu);
}

run('kernel', kernel, count);
run('reference', reference, Math.max(10, Math.floor(count / 20)));
