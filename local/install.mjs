// Installs the dependencies that are missing, with Node's built-ins only: it runs before there are any.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(fileURLToPath(import.meta.url), '../..');

/** Ends the process with a message a person can act on. */
export function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

export function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19))
    fail(`planbok needs Node 20.19 or newer; this is ${process.versions.node}`);
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Is every package of the lockfile there, in its version? npm keeps a list of what it installed. */
function isInstalled(withDev) {
  const installed = readJson('node_modules/.package-lock.json')?.packages;
  if (!installed) return false;
  return Object.entries(readJson('package-lock.json').packages).every(
    ([path, { version, dev, optional, devOptional }]) =>
      path === '' || optional || devOptional || (dev && !withDev) || installed[path]?.version === version,
  );
}

/** Runs `npm ci` unless everything is there. Packages for development are added, never taken away. */
export function install({ withDev }) {
  if (isInstalled(withDev)) return;
  const hadDev = Object.values(readJson('node_modules/.package-lock.json')?.packages ?? {}).some(
    ({ dev }) => dev,
  );
  const args = ['ci', ...(withDev || hadDev ? [] : ['--omit=dev'])];
  process.stderr.write(`planbok: installing dependencies (npm ${args.join(' ')}) …\n`);
  const env = { ...process.env };
  // Ours is for the tests, not for npm.
  delete env.NODE_OPTIONS;
  const npm = process.env.npm_execpath;
  const options = { cwd: root, env, stdio: ['ignore', 2, 2] };
  const { status, error } = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync('npm', args, options);
  if (error) fail(`npm cannot be run: ${error.message}`);
  if (status !== 0) fail(`npm ${args.join(' ')} failed; see above`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  checkNode();
  install({ withDev: true });
}
