// Bundles programs with esbuild, once per state of the sources. A bundle of one program holds nothing of
// another, and needs no other file: it runs under Node's permission flags, which tsx does not.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './install.mjs';

const sources = ['cli', 'client', 'functions', 'local', 'proto', 'shared'];

function hashFolder(hash, folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
    a.name < b.name ? -1 : 1,
  )) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) hashFolder(hash, path);
    else hash.update(`${path}\0`).update(readFileSync(path)).update('\0');
  }
}

/** Names the state of everything that a bundle is made of. */
function stateOfSources() {
  const hash = createHash('sha256').update(process.versions.node);
  for (const file of ['package.json', 'package-lock.json']) hash.update(readFileSync(join(root, file)));
  for (const folder of sources) hashFolder(hash, join(root, folder));
  return hash.digest('hex').slice(0, 20);
}

/**
 * Paths of the bundles of these programs, by name.
 * @param {Record<string, string>} programs name to entry file, relative to the repository
 * @param {string} kind names the set: sets are kept apart
 */
export async function bundle(kind, programs) {
  // Inside node_modules: not in the way, and what stays outside of a bundle is found from there.
  const home = join(root, 'node_modules', '.cache', 'planbok', kind);
  const folder = join(home, stateOfSources());
  const paths = Object.fromEntries(Object.keys(programs).map((name) => [name, join(folder, `${name}.mjs`)]));
  if (existsSync(folder)) return paths;
  const { build, stop } = await import('esbuild');
  const draft = `${folder}.${process.pid}`;
  await build({
    absWorkingDir: root,
    entryPoints: programs,
    outdir: draft,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    // The local database has native code: it stays where npm put it.
    external: ['dynalite'],
    mainFields: ['module', 'main'],
    conditions: ['module'],
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    logLevel: 'error',
    // Packages in the older format ask for Node's modules by `require`.
    banner: {
      js: "import { createRequire as planbokRequire } from 'node:module'; const require = planbokRequire(import.meta.url);",
    },
  });
  await stop();
  mkdirSync(home, { recursive: true });
  try {
    renameSync(draft, folder);
  } catch {
    // Another start was faster with the same.
    rmSync(draft, { recursive: true, force: true });
  }
  for (const old of readdirSync(home)) {
    // What is an hour old is nobody's start that is still under way.
    const path = join(home, old);
    if (path !== folder && Date.now() - statSync(path).mtimeMs > 3_600_000)
      rmSync(path, { recursive: true, force: true });
  }
  return paths;
}
