/**
 * What a command is, and the text of its help.
 * @module
 */
import type { Planbok } from '../client/planbok.ts';
import { exitCodes } from './exit-codes.ts';
import type { Io } from './io.ts';
import type { Place, Running, Where } from './place.ts';

export interface Option {
  readonly help: string;
  /** Placeholder of the value; absent: the option takes none. */
  readonly value?: string;
  readonly required?: true;
  /** May be given more than once: the values are put together with commas. */
  readonly multiple?: true;
}

export type Values = Readonly<Record<string, string | undefined>>;

export interface Context {
  readonly io: Io;
  /** Values of options; those without a value are `true`. */
  readonly values: Values;
  readonly positionals: readonly string[];
  /** Where the API is and who asks. Read when it is first needed. */
  readonly where: Where;
  readonly running: () => Promise<Running>;
  readonly place: () => Promise<Place>;
  readonly planbok: () => Promise<Planbok>;
}

export interface Outcome {
  /** What `--json` prints; absent: it was printed already. */
  readonly json?: unknown;
  /** What a person reads. */
  readonly text: string;
  readonly exit?: number;
}

export interface Command {
  /** Words, as they are typed. */
  readonly name: string;
  readonly summary: string;
  /** Names of what must stand behind the words. */
  readonly positionals?: readonly string[];
  readonly options?: Readonly<Record<string, Option>>;
  /** More help, whole lines. */
  readonly details?: string;
  readonly run: (context: Context) => Promise<Outcome>;
}

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export const globalOptions: Readonly<Record<string, Option>> = {
  json: { help: 'Print one JSON document; errors too, on standard error' },
  data: { value: 'DIR', help: 'Folder with run.json and owner.json; PLANBOK_DATA, or .local if absent' },
  credential: {
    value: 'FILE',
    help: 'Act as the holder of this file, not of owner.json; PLANBOK_CREDENTIAL',
  },
  token: {
    value: 'TOKEN',
    help: 'Read with this bearer token; better PLANBOK_TOKEN, which others on the machine cannot see',
  },
  api: { value: 'URL', help: 'Another API than the one in run.json; PLANBOK_API' },
  help: { help: 'This text' },
};

const idempotency: Option = {
  value: 'KEY',
  help: 'Makes a repeated call the same call; made if absent',
};
/** Of every command that changes something. */
export const idempotencyOption = { 'idempotency-key': idempotency } as const;

/** @throws {UsageError} if the option is absent */
export function required({ values }: Context, name: string): string {
  const value = values[name];
  if (value === undefined || value === '') throw new UsageError(`--${name} is missing`);
  return value;
}

/** An integer within bounds, or undefined if the option is absent. @throws {UsageError} */
export function integerOf({ values }: Context, name: string, low: number, high: number): number | undefined {
  const value = values[name];
  if (value === undefined) return undefined;
  const number = /^[0-9]{1,6}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= low && number <= high))
    throw new UsageError(`--${name} is a number from ${low} to ${high}`);
  return number;
}

/** Parts between commas, at least one. @throws {UsageError} */
export function listOf(context: Context, name: string): string[] {
  const parts = required(context, name)
    .split(',')
    .map((part) => part.trim());
  if (parts.includes('')) throw new UsageError(`--${name} has an empty part`);
  return parts;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`.trimEnd()).join('\n');
}

const optionRows = (options: Readonly<Record<string, Option>>): (readonly [string, string])[] =>
  Object.entries(options).map(([name, { value, help, required: needed }]) => [
    `--${name}${value ? ` ${value}` : ''}`,
    needed ? `${help} (required)` : help,
  ]);

export function commandHelp({ name, summary, positionals = [], options = {}, details }: Command): string {
  const usage = ['planbok', name, ...positionals, ...(Object.keys(options).length > 0 ? ['[options]'] : [])];
  return [
    `${summary}.`,
    `Usage: ${usage.join(' ')}`,
    ...(Object.keys(options).length > 0 ? [`Options:\n${columns(optionRows(options))}`] : []),
    ...(details ? [details.trim()] : []),
    `Everywhere:\n${columns(optionRows(globalOptions))}`,
    '',
  ].join('\n\n');
}

export function overview(commands: readonly Command[], prefix = ''): string {
  const rows = commands.map(({ name, positionals = [], summary }) => {
    const typed = [name, ...positionals].join(' ');
    return [typed, summary] as const;
  });
  return [
    `Planbok: two nodes make keys and sign together.`,
    `Usage: planbok ${prefix === '' ? 'COMMAND' : `${prefix} COMMAND`} [options]; planbok COMMAND --help says more`,
    `Commands:\n${columns(rows)}`,
    `Everywhere:\n${columns(optionRows(globalOptions))}`,
    `Exit codes:\n${columns(Object.entries(exitCodes).map(([code, meaning]) => [code, meaning] as const))}`,
    '',
  ].join('\n\n');
}
