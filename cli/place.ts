/**
 * Where the API is and who asks: `run.json`, which a running `npm start` keeps, and `owner.json`.
 * @module
 */
import { PlanbokError } from '../client/errors.ts';
import { type Owner, type ReaderFile, readOwner, readReader } from '../client/owner.ts';
import type { KnownHead } from '../shared/registry/head.ts';
import type { Io } from './io.ts';

export interface Running {
  /** Base URL. */
  readonly api: string;
  /** Absent if the API was named on the command line. */
  readonly orgId?: string | undefined;
  readonly pid?: number | undefined;
}

export interface Place extends Running {
  readonly owner: Owner;
}

export interface Where {
  readonly data: string;
  readonly api?: string | undefined;
  /** A credential file instead of `owner.json`. */
  readonly credential?: string | undefined;
}

const start = 'Start it with `npm start`, or name another folder with --data or PLANBOK_DATA.';

export const fileIn = ({ data }: Where, name: string): string => `${data.replace(/\/+$/, '')}/${name}`;

/** Whose file it is that signs. */
export const credentialFile = (where: Where): string => where.credential ?? fileIn(where, 'owner.json');

async function textOf(io: Io, path: string): Promise<string | undefined> {
  try {
    return new TextDecoder().decode(await io.readFile(path));
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return undefined;
    throw new PlanbokError('network_error', `${path} cannot be read`, { cause: error });
  }
}

/** @throws {PlanbokError} `network_error` if nothing runs here */
export async function readRunning(io: Io, where: Where): Promise<Running> {
  if (where.api !== undefined) return { api: where.api };
  const path = fileIn(where, 'run.json');
  const text = await textOf(io, path);
  if (text === undefined)
    throw new PlanbokError('network_error', `Nothing runs here: there is no ${path}. ${start}`);
  let run: Partial<Record<'api' | 'orgId' | 'pid', unknown>> | null;
  try {
    run = JSON.parse(text) as typeof run;
  } catch {
    run = null;
  }
  const { api, orgId, pid } = run ?? {};
  if (typeof api !== 'string') throw new PlanbokError('network_error', `${path} names no API. ${start}`);
  return {
    api,
    ...(typeof orgId === 'string' && { orgId }),
    ...(typeof pid === 'number' && { pid }),
  };
}

/**
 * Who asks, the pinned identities, and the newest registry head that was seen: also when nothing runs.
 * @throws {PlanbokError} `credential_unknown` without a usable credential file
 */
export async function readOwnerFile(io: Io, where: Where): Promise<Owner> {
  const path = credentialFile(where);
  const text = await textOf(io, path);
  if (text === undefined)
    throw new PlanbokError('credential_unknown', `There is no ${path}: no credential to sign with. ${start}`);
  let owner: Owner;
  try {
    owner = readOwner(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'unreadable';
    throw new PlanbokError('credential_unknown', `${path}: ${why}`, { cause });
  }
  const known = await readHead(io, where, owner);
  return known === undefined ? owner : { ...owner, known };
}

/**
 * Who reads with a token: given one beside a credential file, of which only what is pinned counts, or a file with
 * a token in it.
 * @returns undefined if there is no token: then the file's key signs
 */
export async function readReaderPlace(
  io: Io,
  where: Where,
  given: string | undefined,
): Promise<ReaderFile | undefined> {
  const file = readReader((await textOf(io, credentialFile(where))) ?? '');
  if (given === undefined) return file;
  if (file !== undefined) return { ...file, token: given };
  const { organization, identities } = await readOwnerFile(io, where);
  return { version: 1, organization, identities, token: given };
}

/** Beside the credential, because a command line forgets. */
const headFile = (where: Where): string => `${credentialFile(where)}.head`;

/** The newest head that a command saw; what is unreadable or of another organization is none. */
async function readHead(
  io: Io,
  where: Where,
  { organization, known }: Owner,
): Promise<KnownHead | undefined> {
  const text = await textOf(io, headFile(where)).catch(() => undefined);
  if (text === undefined) return known;
  try {
    const { organization: of, head, seq } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const fits = of === organization && typeof head === 'string' && typeof seq === 'string';
    return fits && /^[1-9][0-9]{0,14}$/.test(seq) && Number(seq) > Number(known?.seq ?? 0)
      ? { head, seq }
      : known;
  } catch {
    return known;
  }
}

/** Remembers the newest head for the next command. */
export async function rememberHead(io: Io, where: Where, owner: Owner, newest: KnownHead): Promise<void> {
  if (Number(newest.seq) <= Number(owner.known?.seq ?? 0)) return;
  const { organization } = owner;
  const { head, seq } = newest;
  // A folder that cannot be written to takes nothing from what was done.
  await io.replaceFile(headFile(where), `${JSON.stringify({ organization, head, seq })}\n`).catch(() => {});
}

/** @throws {PlanbokError} as {@link readRunning} and {@link readOwnerFile} */
export async function readPlace(io: Io, where: Where): Promise<Place> {
  const running = await readRunning(io, where);
  const owner = await readOwnerFile(io, where);
  if (running.orgId !== undefined && running.orgId !== owner.organization)
    throw new PlanbokError(
      'credential_unknown',
      `${credentialFile(where)} is of ${owner.organization}, but what runs here is of ${running.orgId}`,
    );
  return { ...running, owner };
}

/** A broken line, said with what is known of the process that should answer. */
export async function explainSilence(io: Io, where: Where, error: PlanbokError): Promise<PlanbokError> {
  if (error.code !== 'network_error' || error.cause === undefined) return error;
  const running = await readRunning(io, where).catch(() => undefined);
  const pid = running?.pid;
  if (pid === undefined) return error;
  const why = io.alive(pid)
    ? `Its process ${pid} runs: is it still starting?`
    : `Its process ${pid} is gone. ${start}`;
  return new PlanbokError(error.code, `${error.message}. ${why}`, { ...error, cause: error.cause });
}
