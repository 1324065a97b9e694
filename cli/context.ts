/**
 * What a command runs with: its values, where the API is, and the client, made when it is first needed.
 * @module
 */
import { Planbok } from '../client/planbok.ts';
import type { Progress } from '../client/session.ts';
import { fileCheckpoints } from './checkpoint-file.ts';
import type { Context, Values } from './command.ts';
import type { Io } from './io.ts';
import { readPlace, readReaderPlace, readRunning, rememberHead, type Where } from './place.ts';

const steps: Readonly<Record<Progress['step'], string>> = {
  make_keys: 'The nodes make keys together',
  derive_wallets: 'The nodes derive wallets',
  check_proof: 'Checking the proof of the address',
  decode: 'Decoding what to sign',
  preview: 'Comparing with what the nodes read',
  confirm: 'Asking for confirmation',
  sign: 'The nodes sign together',
  verify: 'Verifying what came back',
  wait: 'Waiting',
};

export interface Session {
  readonly context: Context;
  /** Keeps what the command saw of the registry. */
  readonly remember: () => Promise<void>;
}

export function contextOf(io: Io, values: Values, positionals: readonly string[]): Session {
  const api = values['api'] ?? io.env['PLANBOK_API'];
  const data = values['data'] ?? io.env['PLANBOK_DATA'] ?? '.local';
  const credential = values['credential'] ?? io.env['PLANBOK_CREDENTIAL'];
  const where: Where = {
    data: data === '' ? '.' : data,
    ...(api ? { api } : {}),
    ...(credential ? { credential } : {}),
  };
  const running = once(() => readRunning(io, where));
  const place = once(() => readPlace(io, where));
  let remember = async (): Promise<void> => {};
  const token = values['token'] ?? io.env['PLANBOK_TOKEN'];
  const onProgress = ({ step, detail }: Progress) => {
    // Whoever asked for JSON gets JSON, and nothing beside it.
    if (values['json'] === undefined) io.err(`${steps[step]}${detail ? `: ${detail}` : ''}\n`);
  };
  const planbok = once(async () => {
    const { fetch, sleep } = io;
    const reader = await readReaderPlace(io, where, token === '' ? undefined : token);
    if (reader !== undefined) {
      const { api: url } = await running();
      const { organization, identities } = reader;
      const credential = { token: reader.token };
      return new Planbok({ url, organization, identities, credential, fetch, sleep, onProgress });
    }
    const { api: url, owner } = await place();
    const { organization, key, identities, known } = owner;
    const seen = known === undefined ? {} : { known };
    const checkpoints = fileCheckpoints(io, where);
    const line = { url, fetch, sleep, onProgress };
    const options = { ...line, organization, credential: key, identities, checkpoints, ...seen };
    const made = new Planbok(options);
    remember = () => rememberHead(io, where, owner, made.registry.newest());
    return made;
  });
  const context = { io, values, positionals, where, running, place, planbok };
  return { context, remember: () => remember() };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
