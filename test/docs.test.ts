import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from '@jest/globals';
import { apiPage, withTables } from '../docs/generate.ts';

test('the tables of docs/api.md are those of the code (npm run docs)', () => {
  const page = readFileSync(apiPage, 'utf8');
  expect(withTables(page)).toBe(page);
});

test('every file that a document links to exists', () => {
  const pages = [
    'README.md',
    'SECURITY.md',
    ...readdirSync('docs', { recursive: true }).map((f) => `docs/${f}`),
  ];
  const broken = pages
    .filter((page) => page.endsWith('.md'))
    .flatMap((page) =>
      [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)]
        .map(([, target = '']) => join(dirname(page), target))
        .filter((target) => !existsSync(target))
        .map((target) => `${page}: ${target}`),
    );
  expect(broken).toEqual([]);
});
