/**
 * The tables of `api.md`, from the tables that the code runs on: `npm run docs` writes them, a test compares.
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { errorCodes } from '#shared/errors.ts';
import { catalog, ends, unnamed } from '#shared/events/catalog.ts';
import { type Kind, kinds, type Role, roles } from '#shared/registry/kinds.ts';
import { type ActorClass, actorClasses, acts, roleScopes, statementTable } from '#shared/registry/roles.ts';
import { scopes } from '#shared/registry/statement.ts';
import { type Route, routes } from '#shared/wire/routes.ts';

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const yes = (is: boolean): string => (is ? 'yes' : '');

/** What a credential needs for a route, as people say it. */
function ruleOf({ scope, on, act, signed, changes }: Route): string {
  if (scope === 'public' && changes) return signed ? 'the key that founds' : "the statement's own signature";
  if (scope === 'public') return '—';
  const where = { every: 'every wallet set', some: 'some wallet set', one: 'its wallet set', none: '' };
  return `\`${scope}\` on ${where[on]}${act === undefined ? '' : `; ${acts[act].join(' or ')}`}`;
}

const mayAsk = ({ scope, act }: Route, role: Role): boolean =>
  scope === 'public' ||
  (roleScopes[role].includes(scope) && (act === undefined || acts[act].some((one) => one === role)));

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
      ['route', 'needs', ...roles, 'served by', ''],
      (Object.values(routes) as Route[]).map((route) => [
        `\`${route.method} ${route.path}\``,
        ruleOf(route),
        ...roles.map((role) => yes(mayAsk(route, role))),
        route.program,
        route.summary,
      ]),
    ),
  roles: () =>
    table(
      ['', ...scopes.map((scope) => `\`${scope}\``)],
      roles.map((role) => [role, ...scopes.map((scope) => yes(roleScopes[role].includes(scope)))]),
    ),
  statements: () =>
    table(
      ['kind', ...actorClasses.map((by) => by.replace('_', ' '))],
      (Object.keys(kinds) as Kind[]).map((kind) => [
        `\`${kind}\``,
        ...actorClasses.map((by: ActorClass) =>
          (statementTable[kind][by] ?? []).join(', ').replace('_', ' '),
        ),
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
