/**
 * npm start: brings up both accounts, introduces the nodes to each other, founds the organization, and stays
 * until it is told to stop.
 *
 *   account1 ── DynamoDB, KMS, certificates      account2 ── DynamoDB, KMS, certificates
 *      └── node1 and api ──────── mTLS ────────────▶ node2
 * @module
 */
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { readIfThere, writeWhole } from './files.ts';
import { credentialOf, lockFolder, openFolder, StartError } from './folder.ts';
import { type Account, accounts, introduce, keepIdentities, peerOf } from './introduction.ts';
import { reaches } from './permissions.ts';
import { lastWords, type Processes, processesOf } from './processes.ts';

export interface StartOptions {
  readonly port: number;
  readonly folder: string;
  /** The repository. */
  readonly root: string;
  /** Paths of the bundles by program. */
  readonly bundles: Readonly<Record<string, string>>;
  /** Another AWS than the embedded one; loopback only. */
  readonly endpoint: string | undefined;
}

type Facts = Readonly<Record<string, string>>;
const nodeOf = { account1: 'node1', account2: 'node2' } as const;

/** Runs until a signal, or until something breaks; ends the process. */
export async function supervise(options: StartOptions): Promise<void> {
  let stop = async () => {};
  let leaving = false;
  const leave = async (code: number, message?: string) => {
    // The first reason counts; what breaks because of it does not.
    if (leaving) return;
    leaving = true;
    if (message) process.stderr.write(`\nplanbok: ${message}\n`);
    await stop();
    process.exit(code);
  };
  try {
    checkEndpoint(options.endpoint);
    const folder = openFolder(options.folder);
    const lock = lockFolder(folder);
    const logs = join(folder, 'logs');
    const run = join(folder, 'run.json');
    const died = (name: string) =>
      `${name} has ended, so everything is stopped. Its last words:\n${lastWords(logs, name)}`;
    const processes = processesOf(logs, (name) => void leave(1, died(name)));
    stop = () =>
      processes.stop().finally(() => {
        rmSync(run, { force: true });
        lock.release();
      });
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void leave(0));
    leaveWithNpm(() => void leave(0));
    await assertFree(options.port);
    const { api, organization, facts, port2 } = await bringUp(options, folder, processes);
    setInterval(() => {
      try {
        // Revocation lists are renewed over there, and read over here.
        introduce(folder);
      } catch (error) {
        void leave(1, error instanceof Error ? error.message : 'the nodes do not know each other any more');
      }
    }, 5_000).unref();
    writeWhole(run, `${JSON.stringify({ api, orgId: organization, pid: process.pid })}\n`);
    greet(options, folder, { api, organization, facts, port2 });
  } catch (error) {
    const known = error instanceof Error;
    await leave(1, known ? error.message : 'could not start');
  }
}

async function bringUp(options: StartOptions, folder: string, processes: Processes) {
  const { bundles } = options;
  const reach = reaches(folder, options.root);
  const path = (name: string) => {
    const bundle = bundles[name];
    if (bundle === undefined) throw new Error(`no bundle of ${name}`);
    return bundle;
  };
  const [account1, account2] = await Promise.all(
    accounts.map((account) => processes.start(accountProgram(options, folder, account, path('account')))),
  );
  const facts = { account1: account1 as Facts, account2: account2 as Facts };
  const identities = keepIdentities(folder, facts);
  introduce(folder);

  const nodeEnv = (account: Account, bundle: string) => ({
    ...awsEnv(folder, account, facts[account]['endpoint']),
    PLANBOK_LOCAL: '1',
    PLANBOK_NODE: nodeOf[account],
    PLANBOK_TABLE_PREFIX: facts[account]['prefix'] ?? '',
    PLANBOK_SHARE_KEY: facts[account]['shareKeyId'] ?? '',
    PLANBOK_IDENTITY_KEY: facts[account]['identityKeyId'] ?? '',
    PLANBOK_PEER_IDENTITY: facts[peerOf[account]]['identity'] ?? '',
    PLANBOK_TLS_DIR: join(folder, account, 'tls'),
    PLANBOK_AUDIT_DIR: join(folder, account, 'audit'),
    PLANBOK_BUNDLE: createHash('sha256').update(readFileSync(bundle)).digest('base64url'),
    // Nobody but its owner asks a laptop; load tests do so often.
    PLANBOK_RATE_CREDENTIAL: '60000',
    PLANBOK_RATE_ORGANIZATION: '60000',
  });
  const lease = process.env['PLANBOK_LEASE_MS'];
  const node2 = await processes.start({
    name: 'node2',
    bundle: path('node2'),
    env: nodeEnv('account2', path('node2')),
    reach: reach.node2,
  });
  const node1 = await processes.start({
    name: 'node1',
    bundle: path('node1'),
    env: {
      ...nodeEnv('account1', path('node1')),
      PLANBOK_TOKEN_KEY: facts.account1['tokenKeyId'] ?? '',
      PLANBOK_PEER_URL: `https://127.0.0.1:${node2['port']}`,
      PLANBOK_PORT: String(options.port),
      PLANBOK_OUTBOX_DIR: join(folder, 'account1', 'outbox'),
      // After a crash a request is taken up again once its lease is over: for tests that do not wait as long.
      ...(lease && { PLANBOK_LEASE_MS: lease }),
    },
    reach: reach.node1,
  });
  const api = `http://127.0.0.1:${node1['port']}`;
  const organization = await ownerOf(folder, api, identities, processes, path('found'));
  return { api, organization, facts, port2: node2['port'] ?? '' };
}

/** `127.0.0.1`, `localhost` or nothing: a laptop run never talks to AWS. */
function checkEndpoint(endpoint: string | undefined): void {
  if (endpoint === undefined) return;
  const host = URL.canParse(endpoint) ? new URL(endpoint).hostname : '';
  if (!/^(127(\.\d{1,3}){3}|localhost|\[::1\])$/.test(host))
    throw new StartError(
      'AWS_ENDPOINT_URL must be an emulator on this machine (http://127.0.0.1:…), or unset',
    );
}

const awsEnv = (folder: string, account: string, endpoint: string | undefined) => {
  const { accessKeyId, secretAccessKey } = credentialOf(folder, account);
  return {
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    ...(endpoint && { AWS_ENDPOINT_URL: endpoint }),
  };
};

const accountProgram = (
  { endpoint, root }: StartOptions,
  folder: string,
  account: Account,
  bundle: string,
) => ({
  name: account,
  bundle,
  env: {
    ...awsEnv(folder, account, endpoint),
    PLANBOK_NODE: nodeOf[account],
    PLANBOK_FOLDER: join(folder, account),
  },
  reach: reaches(folder, root)[account],
});

/** The organization of the owner's file; founded, and the file written, at the first start. */
async function ownerOf(
  folder: string,
  api: string,
  identities: { readonly node1: string; readonly node2: string },
  processes: Processes,
  bundle: string,
): Promise<string> {
  const path = join(folder, 'owner.json');
  let text = readIfThere(path);
  if (text === undefined) {
    const { owner = '' } = await processes.run({
      name: 'found',
      bundle,
      env: { PLANBOK_API: api, PLANBOK_IDENTITY_1: identities.node1, PLANBOK_IDENTITY_2: identities.node2 },
      reach: { read: [] },
    });
    text = `${JSON.stringify(JSON.parse(owner), null, 2)}\n`;
    writeWhole(path, text);
  }
  return String((JSON.parse(text) as { readonly organization: string }).organization);
}

/** @throws {StartError} if somebody listens there: known before anything is started */
async function assertFree(port: number): Promise<void> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', (error: NodeJS.ErrnoException) =>
      reject(
        error.code === 'EADDRINUSE'
          ? new StartError(`port ${port} is in use; take another: npm start -- --port ${port + 1}`)
          : error,
      ),
    );
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve()));
  });
}

/** npm passes on what it is asked to end by, but not its own sudden death. */
function leaveWithNpm(leave: () => void): void {
  if (process.env['npm_lifecycle_event'] !== 'start') return;
  const before = ancestors();
  setInterval(() => {
    if (ancestors() !== before) leave();
  }, 1_000).unref();
}

/** The parent and, where it can be seen, its parent: npm starts a shell that starts this. */
function ancestors(): string {
  try {
    const stat = readFileSync(`/proc/${process.ppid}/stat`, 'utf8');
    // The name in parentheses may hold anything; behind it stand the state and the parent.
    return `${process.ppid} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]}`;
  } catch {
    return String(process.ppid);
  }
}

interface Greeting {
  readonly api: string;
  readonly organization: string;
  readonly facts: Record<Account, Facts>;
  readonly port2: string;
}

function greet({ folder: asked, endpoint }: StartOptions, folder: string, up: Greeting): void {
  const isDefault = asked.endsWith('/.local');
  const data = isDefault ? '' : ` --data ${folder}`;
  const lines = [
    '',
    'Two accounts on this machine, each with a half of every key. For development only.',
    '',
    `  API         ${up.api}   (GET /v1/openapi.json describes it)`,
    `  Account 1   Node 1; AWS at ${up.facts.account1['endpoint']}; ${join(folder, 'account1')}`,
    `  Account 2   Node 2, https://127.0.0.1:${up.port2} with mTLS; AWS at ${up.facts.account2['endpoint']}; ${join(folder, 'account2')}`,
    `  Owner       ${join(folder, 'owner.json')}   (${up.organization})`,
    `  Mail        ${join(folder, 'account1', 'outbox')}   (files; nothing is sent)`,
    `  Logs        ${join(folder, 'logs')}`,
    endpoint
      ? '  Keys        in the emulator that AWS_ENDPOINT_URL names: this is not an HSM'
      : '  Keys        on disk, in software, in the account folders: this is not an HSM',
    '',
    'Try, in another terminal:',
    `  npx planbok wallet-sets create --name first --custody standard --key-types secp256k1,ed25519${data}`,
    'Ctrl-C stops everything; npm run reset forgets it.',
    '',
    `planbok ready ${up.api}`,
    '',
  ];
  process.stdout.write(lines.join('\n'));
}
