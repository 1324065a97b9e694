/**
 * The tables of `api.md`, from the tables that the code runs on: `npm run docs` writes them, a test compares.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errorCodes } from '#shared/errors.ts';
import { catalog, ends, unnamed } from '#shared/events/catalog.ts';
import { type Route, routes } from '#shared/wire/routes.ts';

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const parts: Readonly<Record<string, () => string>> = {
  errors: () =>
    table(
      ['code', 'status', 'retryable', 'meaning'],
      Object.entries(errorCodes).map(([code, { status, retryable, title }]) => [
        `\`${code}\``,
        String(status),
        retryable ? 'yes' : 'no',
        title,
      ]),
    ),
  events: () =>
    table(
      ['action', ...ends],
      [...Object.entries(catalog), ['any other', unnamed] as const].map(([action, names]) => [
        action === 'any other' ? action : `\`${action}\``,
        ...ends.map((end) => `\`${names[end]}\``),
      ]),
    ),
  routes: () =>
    table(
      ['route', 'scope', 'served by', ''],
      (Object.values(routes) as Route[]).map(({ method, path, scope, program, summary }) => [
        `\`${method} ${path}\``,
        scope === 'public' ? '—' : `\`${scope}\``,
        program,
        summary,
      ]),
    ),
};

export const apiPage = fileURLToPath(new URL('./api.md', import.meta.url));

/** The page with its tables made anew. */
export const withTables = (page: string): string =>
  Object.entries(parts).reduce(
    (text, [name, make]) =>
      text.replace(
        new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`),
        (_, open: string, close: string) => `${open}\n${make()}\n\n${close}`,
      ),
    page,
  );

if (process.argv[1] === fileURLToPath(import.meta.url))
  writeFileSync(apiPage, withTables(readFileSync(apiPage, 'utf8')));
