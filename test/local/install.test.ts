import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeEach, expect, test } from '@jest/globals';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'planbok-install-'));
const calls = join(folder, 'calls');

beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'local'), { recursive: true });
  mkdirSync(join(folder, 'node_modules'));
  copyFileSync(join(root, 'local', 'install.mjs'), join(folder, 'local', 'install.mjs'));
  // Stands in for npm: notes what it is asked.
  writeFileSync(
    join(folder, 'npm.js'),
    `require('node:fs').appendFileSync(${JSON.stringify(calls)}, process.argv.slice(2).join(' ') + '\\n');`,
  );
  lock({});
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const packages = {
  'node_modules/used': { version: '1.0.0' },
  'node_modules/tool': { version: '2.0.0', dev: true },
  'node_modules/for-another-system': { version: '3.0.0', optional: true },
};

const write = (path: string, list: object) =>
  writeFileSync(join(folder, path), JSON.stringify({ packages: list }));
const lock = (more: object) => write('package-lock.json', { '': { name: 'x' }, ...packages, ...more });
const installed = (list: object) => write('node_modules/.package-lock.json', list);

/** What npm was asked to do. */
function install(withDev: boolean): string {
  const code = `import { install } from ${JSON.stringify(join(folder, 'local', 'install.mjs'))}; install({ withDev: ${withDev} });`;
  const env = { npm_execpath: join(folder, 'npm.js') };
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    env,
    encoding: 'utf8',
  });
  expect([status, stderr.replace(/^planbok: installing.*\n/, '')]).toEqual([0, '']);
  return existsSync(calls) ? readFileSync(calls, 'utf8').trim() : '';
}

const { 'node_modules/used': used, 'node_modules/tool': tool } = packages;

test('a clone without dependencies gets those of production', () => {
  expect(install(false)).toBe('ci --omit=dev');
});

test('nothing is installed if everything is there', () => {
  installed({ 'node_modules/used': used });
  expect(install(false)).toBe('');
  installed({ 'node_modules/used': used, 'node_modules/tool': tool });
  expect(install(true)).toBe('');
});

test('the tests need more than the start', () => {
  installed({ 'node_modules/used': used });
  expect(install(true)).toBe('ci');
});

test('a lockfile that has changed installs again, and takes no development packages away', () => {
  lock({ 'node_modules/new': { version: '1.0.0' } });
  installed({ 'node_modules/used': used });
  expect(install(false)).toBe('ci --omit=dev');
  rmSync(calls);
  installed({ 'node_modules/used': used, 'node_modules/tool': tool });
  expect(install(false)).toBe('ci');
  rmSync(calls);
  lock({ 'node_modules/used': { version: '1.0.1' } });
  installed({ 'node_modules/used': used });
  expect(install(false)).toBe('ci --omit=dev');
});
