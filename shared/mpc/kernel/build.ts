/**
 * Compiles `assembly/` into the module that `kernel.ts` loads: `npm run build:kernel`. The result is checked
 * in, so that neither a node nor the laptop run needs the compiler; a test compiles again and compares.
 * @module
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** The WebAssembly module, compiled from source. */
export function compileKernel(): Uint8Array {
  const directory = mkdtempSync(join(tmpdir(), 'kernel-'));
  const output = join(directory, 'kernel.wasm');
  try {
    const compiler = here('../../../node_modules/assemblyscript/bin/asc.js');
    const memory = ['--initialMemory', '4', '--maximumMemory', '4'];
    const options = ['--runtime', 'stub', '-O3', '--noAssert', '--enable', 'simd', ...memory];
    execFileSync(process.execPath, [compiler, here('assembly/index.ts'), ...options, '-o', output], {
      // The test runner's own Node options are not for the compiler.
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    return new Uint8Array(readFileSync(output));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The text of `kernel.wasm.ts`. */
export function kernelModule(wasm: Uint8Array): string {
  const base64 = Buffer.from(wasm).toString('base64');
  const lines = base64.match(/.{1,100}/g) ?? [];
  return [
    '// Made by `npm run build:kernel` from assembly/. Do not edit.',
    `export const wasm =\n${lines.map((line) => `  '${line}'`).join(' +\n')};`,
    '',
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(here('kernel.wasm.ts'), kernelModule(compileKernel()));
