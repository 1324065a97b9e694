import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const read = (name: string) => JSON.parse(readFileSync(name, 'utf8'));
const { packages } = read('package-lock.json') as { packages: Record<string, any> };

test('versions are exact', () => {
  const { dependencies, devDependencies } = read('package.json');
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
    expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+(-[\w.]+)?$/)]);
});

test('the lockfile names every optional package of every platform, so that npm ci works on all of them', () => {
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !packages[`${path}/node_modules/${name}`] && !packages[`node_modules/${name}`],
    ),
  );
  expect(missing).toEqual([]);
});

test('the lockfile names no host, and no licence that forbids commercial use', () => {
  for (const [path, { resolved, license = '' }] of Object.entries(packages)) {
    expect([path, resolved]).toEqual([path, undefined]);
    expect([path, String(license)]).toEqual([
      path,
      expect.not.stringMatching(/NC|non-?commercial|BUSL|SSPL/i),
    ]);
  }
});
