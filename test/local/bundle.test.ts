import { resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { build } from 'esbuild';

const root = resolve(import.meta.dirname, '../..');

/** Everything that a program is made of, with what each file imports. */
async function inputsOf(entry: string) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    external: ['dynalite'],
    outdir: 'none',
  });
  return metafile.inputs;
}

/** The sources of ours that a program is made of. */
const sourcesOf = async (entry: string): Promise<string[]> =>
  Object.keys(await inputsOf(entry)).filter((path) => !path.startsWith('node_modules/'));

test.each([
  [
    'node1',
    /^(functions\/node2|client|cli|infra)\/|^local\/(kms|aws|sigv4|keys|certificates|pki|supervisor)/,
  ],
  [
    'node2',
    /^(functions\/(node1|api)|client|cli|infra)\/|^local\/(kms|aws|sigv4|keys|certificates|pki|supervisor)/,
  ],
  ['account', /^(functions\/(node1|node2|api|stores)|shared\/(mpc|chains)|client|cli|infra)\//],
  ['found', /^(functions|shared\/mpc|infra|cli)\/|^local\/(kms|aws|sigv4|keys|certificates|pki|supervisor)/],
])('the bundle of %s holds nothing of another program', async (program, foreign) => {
  const sources = await sourcesOf(`local/programs/${program}.ts`);
  expect(sources).toContain(`local/programs/${program}.ts`);
  expect(sources.filter((path) => foreign.test(path))).toEqual([]);
});

test.each(['start', 'install', 'test', 'reset'])('%s.mjs runs before anything is installed', async (name) => {
  const inputs = await inputsOf(`local/${name}.mjs`);
  const waiting = [`local/${name}.mjs`];
  const seen = new Set<string>();
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    seen.add(path);
    // What is imported later, on demand, may be a package: it is installed by then.
    for (const imported of inputs[path]?.imports ?? [])
      if (imported.kind === 'import-statement' && !imported.path.startsWith('node:'))
        waiting.push(imported.path);
  }
  for (const path of seen) expect(path).toMatch(/^local\/[a-z]+\.mjs$/);
});
