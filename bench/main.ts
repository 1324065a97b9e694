/**
 * `npm run bench [-- --json FILE] [--seconds N] [--scale X]`: prints what signing costs, and asserts nothing.
 * @module
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { measureCalls } from './calls.ts';
import { printTable } from './measure.ts';
import { measureProtocols } from './protocols.ts';
import { measureService } from './service.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    seconds: { type: 'string', default: '10' },
    scale: { type: 'string', default: '1' },
  },
});

console.log(
  `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`,
);

const protocols = measureProtocols(Number(values.scale));
printTable(
  'Protocols, both parties together',
  ['', 'CPU ms median', 'p95', 'bytes', 'messages'],
  Object.entries(protocols).map(([name, { cpuMs, bytes, messages }]) => [
    name,
    cpuMs.median.toFixed(2),
    cpuMs.p95.toFixed(2),
    bytes,
    messages,
  ]),
);

const calls = await measureCalls();
printTable(
  'Calls for one ECDSA signature',
  ['', 'KMS', 'DynamoDB reads', 'DynamoDB writes'],
  Object.entries(calls).map(([node, c]) => [node, c.kms, c.dynamodbReads, c.dynamodbWrites]),
);

console.log('\nStarting the service …');
const { http, start, eddsaHttpP50 } = await measureService(Number(values.seconds));
printTable(
  'Over HTTP, ECDSA, both nodes, stores and this client on one machine',
  ['', 'p50 ms', 'p95 ms', 'p99 ms'],
  [['1 client', http.p50, http.p95, http.p99]],
);
printTable('ed25519 over HTTP', ['', 'p50 ms'], [['1 client', eddsaHttpP50]]);
printTable(
  'Signatures per second',
  ['clients', '1', '4', '16'],
  [['', http.perSecond['1'], http.perSecond['4'], http.perSecond['16']]],
);
printTable(
  'Start',
  ['', 'ready ms', 'first signature ms', 'RSS MB, all processes'],
  [['', start.readyMs, start.firstSignatureMs, start.rssMb]],
);

if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ ...protocols, http, start, calls }, null, 2)}\n`);
  console.log(`\nwritten to ${values.json}`);
}
