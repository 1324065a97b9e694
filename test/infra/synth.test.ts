import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const slow = process.env['SLOW'] === '1';
const run = promisify(execFile);

const folder = mkdtempSync(join(tmpdir(), 'planbok-synth-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** No credentials, no configuration of AWS, and no way out: every proxy is a closed port. */
const offline = {
  PATH: process.env['PATH'],
  HOME: folder,
  HTTP_PROXY: 'http://127.0.0.1:9',
  HTTPS_PROXY: 'http://127.0.0.1:9',
  AWS_EC2_METADATA_DISABLED: 'true',
};

const tool = (name: string) => resolve('node_modules', '.bin', name);

describe('the app refuses in a few lines, without a stack trace', () => {
  const refusal = async (context: Record<string, string>): Promise<string> => {
    const env = { ...offline, CDK_CONTEXT_JSON: JSON.stringify(context) };
    const failed = await run(tool('tsx'), ['infra/app.ts'], { env }).catch((error) => error);
    expect(failed.code).toBe(1);
    return failed.stderr;
  };

  test('no config file, and one with a mistake', async () => {
    const wrong = JSON.parse(readFileSync('config/example-two-accounts.json', 'utf8'));
    wrong.nodes.node1.azs = ['eu-west-1a', 'eu-central-1b'];
    writeFileSync(join(folder, 'wrong.json'), JSON.stringify(wrong));
    const [none, mistaken] = await Promise.all([
      refusal({}),
      refusal({ config: join(folder, 'wrong.json') }),
    ]);
    expect(none).toBe('say which environment: -c config=config/example-two-accounts.json\n');
    expect(mistaken).toBe(`${folder}/wrong.json:\n  nodes.node1.azs.0: must be a zone of eu-central-1\n`);
  }, 60_000);
});

/** The real command, with bundling and cdk-nag; in the long run also CDK's validator, which is slow to start. */
describe('cdk synth, offline and without credentials', () => {
  const out = join(folder, 'out');
  const template = (stack: string) =>
    JSON.parse(readFileSync(join(out, `Planbok-example-${stack}.template.json`), 'utf8'));
  /** The file of a function in the assembly. */
  const bundleOf = (program: string): string => {
    const all = [template('Node1'), template('Node2')].flatMap(({ Resources }) =>
      Object.values<any>(Resources),
    );
    const found = all.find(
      ({ Type, Properties }) =>
        Type === 'AWS::Lambda::Function' && Properties.FunctionName === `planbok-example-${program}`,
    );
    const asset = join(out, found.Metadata['aws:asset:path']);
    // No source map, no metafile: what is shipped is what runs.
    expect(readdirSync(asset)).toEqual(['index.mjs']);
    return join(asset, 'index.mjs');
  };

  beforeAll(async () => {
    const config = 'config=config/example-two-accounts.json';
    await run(tool('cdk'), ['synth', '-q', '-c', config, '-o', out], {
      env: { ...offline, CDK_VALIDATION: String(slow) },
    });
  }, 240_000);

  test('the templates pass cdk-nag', () => {
    const { pluginReports } = JSON.parse(readFileSync(join(out, 'validation-report.json'), 'utf8'));
    expect(pluginReports).toMatchObject([
      { pluginName: 'AwsSolutions', conclusion: 'success', violations: [] },
    ]);
  });

  test.each(['node1', 'node2', 'api', 'sequencer-node1'])('the bundle of %s is at most 2.5 MB', (program) => {
    expect(statSync(bundleOf(program)).size).toBeLessThanOrEqual(2.5 * 1024 * 1024);
  });

  const ask = (program: string, httpMethod: string, path: string) =>
    invoke(program, { httpMethod, path, headers: {}, requestContext: { requestId: 'r', identity: {} } });
  /** One event for a bundle, in a process of its own that has no node_modules. */
  const invoke = async (program: string, event: unknown, node = program) => {
    const script = `
      import { handler } from ${JSON.stringify(bundleOf(program))};
      const answer = await handler(${JSON.stringify(event)}, {});
      process.stdout.write('\\n' + JSON.stringify(answer ?? null));`;
    const { nodes } = JSON.parse(readFileSync('config/example-two-accounts.json', 'utf8'));
    const env = {
      ...offline,
      AWS_REGION: 'eu-central-1',
      PLANBOK_TABLE_PREFIX: 'planbok-',
      PLANBOK_NODE: node,
      PLANBOK_SHARE_KEY: 'share',
      PLANBOK_TOKEN_KEY: 'token',
      PLANBOK_IDENTITY_KEY: 'identity',
      PLANBOK_PEER_IDENTITY: nodes.node1.identity,
      PLANBOK_PEER_URL: 'https://node2.planbok.invalid',
      PLANBOK_TLS_DIR: join(folder, 'no-tls'),
    };
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], {
      env,
      cwd: folder,
    });
    return JSON.parse(stdout.slice(stdout.lastIndexOf('\n')));
  };

  test('each bundle starts by itself and answers: health, a refused founding, a refused peer, an empty stream', async () => {
    const health = await ask('api', 'GET', '/v1/health');
    expect([health.statusCode, JSON.parse(health.body)]).toEqual([
      200,
      expect.objectContaining({ status: 'ok' }),
    ]);
    const founding = await ask('node1', 'POST', '/v1/organizations');
    expect([founding.statusCode, JSON.parse(founding.body).code]).toEqual([400, 'json_invalid']);
    // Without certificates Node 2 answers nobody.
    expect((await ask('node2', 'POST', '/planbok.node.v1.NodeService/Sign1')).statusCode).toBe(403);
    for (const node of ['node1', 'node2'])
      expect(await invoke(`sequencer-${node}`, { Records: [] }, node)).toBeNull();
  }, 60_000);
});
