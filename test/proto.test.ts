import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';

test('the generated node service is that of its description (npm run build:proto)', () => {
  const out = mkdtempSync(join(tmpdir(), 'planbok-proto-'));
  try {
    const bin = resolve('node_modules/.bin');
    // The plugin is found on the path.
    const env = { ...process.env, NODE_OPTIONS: '', PATH: `${bin}${delimiter}${process.env['PATH']}` };
    execFileSync(join(bin, 'buf'), ['generate', '--output', out], { cwd: 'proto', env });
    const file = 'generated/planbok/node/v1/node_pb.ts';
    expect(readFileSync(join('proto', file), 'utf8')).toBe(readFileSync(join(out, file), 'utf8'));
  } finally {
    rmSync(out, { recursive: true });
  }
}, 60_000);
