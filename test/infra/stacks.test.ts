import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { App } from 'aws-cdk-lib';
import { readNodeConfig, readProgramConfig } from '../../functions/config.ts';
import { type TableName, type TableSpec, tables } from '../../functions/tables.ts';
import { access, type ProgramName } from '../../infra/access.ts';
import { acknowledged } from '../../infra/acknowledged.ts';
import { type Route, routes } from '../../shared/wire/routes.ts';
import {
  exampleConfig,
  list,
  masked,
  type Rendered,
  type Resource,
  render,
  type Statement,
} from '../support/stacks.ts';

const config = exampleConfig('example-two-accounts');
let all: ReturnType<typeof render>;

beforeAll(() => {
  all = render(config);
});

const nodes = ['node1', 'node2'] as const;
const peerOf = { node1: 'node2', node2: 'node1' } as const;
const programs = [
  ['node1', 'node1'],
  ['node2', 'node2'],
  ['api', 'node1'],
  ['sequencer', 'node1'],
  ['sequencer', 'node2'],
] as const;

const byName = (stack: Rendered, type: string, property: string, name: string): [string, Resource] => {
  const found = Object.entries(stack.ofType(type)).filter(
    ([, { Properties }]) => Properties[property] === name,
  );
  expect(found).toHaveLength(1);
  return found[0] as [string, Resource];
};

/** Both nodes have a sequencer: its name says whose it is. */
const nameOf = (program: ProgramName, node: 'node1' | 'node2') =>
  `planbok-example-${program}${program === 'sequencer' ? `-${node}` : ''}`;
const functionOf = (program: ProgramName, node: 'node1' | 'node2') =>
  byName(all[node], 'AWS::Lambda::Function', 'FunctionName', nameOf(program, node));
const roleOf = (program: ProgramName, node: 'node1' | 'node2') =>
  byName(all[node], 'AWS::IAM::Role', 'RoleName', nameOf(program, node));
const tableOf = (name: string, node: 'node1' | 'node2') =>
  byName(all[node], 'AWS::DynamoDB::GlobalTable', 'TableName', `planbok-example-${node}-${name}`);

/** What a role may do by IAM. */
function statementsOf(program: ProgramName, node: 'node1' | 'node2'): Statement[] {
  const [id, role] = roleOf(program, node);
  expect(role.Properties).not.toHaveProperty('ManagedPolicyArns');
  expect(role.Properties).not.toHaveProperty('Policies');
  return Object.values(all[node].ofType('AWS::IAM::Policy'))
    .filter(({ Properties }) => Properties.Roles.some((role: { Ref: string }) => role.Ref === id))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
}

describe('accounts', () => {
  test.each(nodes)('the stack of %s is in its own account and region, and is protected', (node) => {
    const { account, region, azs } = config.nodes[node];
    const stack = all.stacks[node];
    expect([stack.account, stack.region, stack.availabilityZones]).toEqual([account, region, azs]);
    expect(stack.terminationProtection).toBe(true);
  });

  test.each(nodes)('nothing in the stack of %s names the account of the other', (node) => {
    expect(all[node].text).toContain(config.nodes[node].account);
    expect(all[node].text).not.toContain(config.nodes[peerOf[node]].account);
    expect(all[node].text).not.toMatch(/Fn::ImportValue|Fn::GetStackOutput/);
  });
});

describe.each(nodes)('the tables of %s', (node) => {
  test.each(Object.entries<TableSpec>(tables))('%s is as the adapters address it', (name, spec) => {
    const { Properties } = tableOf(name, node)[1];
    const schema = (hash: string, range?: string) => [
      { AttributeName: hash, KeyType: 'HASH' },
      ...(range ? [{ AttributeName: range, KeyType: 'RANGE' }] : []),
    ];
    expect(Properties.KeySchema).toEqual(schema(spec.hash, spec.range));
    expect(Properties.BillingMode).toBe('PAY_PER_REQUEST');
    expect(Properties.TimeToLiveSpecification).toEqual(
      spec.expiring && { AttributeName: 'ttl', Enabled: true },
    );
    expect(Properties.GlobalSecondaryIndexes).toEqual(
      spec.listed && [
        {
          IndexName: 'byList',
          KeySchema: schema('list', 'listOrder'),
          Projection: { ProjectionType: 'ALL' },
        },
        {
          IndexName: 'byParent',
          KeySchema: schema('parent', 'listOrder'),
          Projection: { ProjectionType: 'ALL' },
        },
      ],
    );
    for (const { AttributeType } of Properties.AttributeDefinitions) expect(AttributeType).toBe('S');
  });

  test('a restore brings back no nonce, no claim and no counter: recovery is on only where it is harmless', () => {
    const days = Object.fromEntries(
      Object.keys(tables).map((name) => {
        const [replica, ...more] = tableOf(name, node)[1].Properties.Replicas;
        expect(more).toEqual([]);
        const recovery = replica.PointInTimeRecoverySpecification;
        return [name, recovery.PointInTimeRecoveryEnabled ? recovery.RecoveryPeriodInDays : 'off'];
      }),
    );
    expect(days).toEqual({
      registry: 35,
      keys: 'off',
      shares: 3,
      sessions: 'off',
      operations: 'off',
      idempotency: 'off',
      resources: 35,
      counters: 'off',
      audit: 'off',
      webhooks: 35,
      tokens: 'off',
      invitations: 'off',
    });
  });

  test('are encrypted under the table key, and cannot be deleted by accident; there are no others', () => {
    const found = all[node].ofType('AWS::DynamoDB::GlobalTable');
    expect(Object.keys(found)).toHaveLength(Object.keys(tables).length);
    for (const { Properties, ...rest } of Object.values(found)) {
      expect(rest).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
      const [replica] = Properties.Replicas;
      expect(replica.DeletionProtectionEnabled).toBe(true);
      expect(Properties.SSESpecification).toEqual({ SSEEnabled: true, SSEType: 'KMS' });
      const key = replica.SSESpecification.KMSMasterKeyId['Fn::GetAtt'][0];
      expect(all[node].ofType('AWS::KMS::Key')[key]?.Properties.Description).toContain('encrypts the tables');
      const streamed = Properties.TableName.endsWith('-audit');
      expect(Properties.StreamSpecification).toEqual(streamed ? { StreamViewType: 'NEW_IMAGE' } : undefined);
    }
  });

  test("shares are for the node's role alone, whatever IAM says", () => {
    const [id, { Properties }] = tableOf('shares', node);
    const { Statement: statements } = Properties.Replicas[0].ResourcePolicy.PolicyDocument;
    expect(statements).toEqual([
      {
        Sid: 'DenyEveryoneElse',
        Effect: 'Deny',
        Principal: { AWS: '*' },
        Action: expect.arrayContaining([
          'dynamodb:GetItem',
          'dynamodb:BatchGetItem',
          'dynamodb:Query',
          'dynamodb:Scan',
          'dynamodb:PutItem',
          'dynamodb:UpdateItem',
          'dynamodb:DeleteItem',
          'dynamodb:PartiQLSelect',
        ]),
        Resource: `arn:aws:dynamodb:eu-central-1:${config.nodes[node].account}:table/${Properties.TableName}`,
        Condition: { ArnNotEquals: { 'aws:PrincipalArn': { 'Fn::GetAtt': [roleOf(node, node)[0], 'Arn'] } } },
      },
    ]);
    for (const [other, { Properties: its }] of Object.entries(all[node].ofType('AWS::DynamoDB::GlobalTable')))
      if (other !== id) expect(its.Replicas[0]).not.toHaveProperty('ResourcePolicy');
  });
});

describe.each(programs)('the program %s of %s', (program, node) => {
  test('is bundled for Node 24 on ARM with one whole CPU, and cannot take all concurrency', () => {
    const [, { Properties }] = functionOf(program, node);
    expect(Properties).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      MemorySize: 1769,
      Timeout: 29,
      Handler: 'index.handler',
      ReservedConcurrentExecutions: program === 'sequencer' ? 1 : config.concurrency[program],
    });
    expect(Properties).not.toHaveProperty('VpcConfig');
  });

  test('starts with the environment that it is given', () => {
    const [, { Properties }] = functionOf(program, node);
    const env = Object.fromEntries(
      Object.entries<unknown>(Properties.Environment.Variables).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : 'arn:aws:kms:eu-central-1:111111111111:key/1',
      ]),
    );
    const read =
      program === 'api'
        ? readProgramConfig(env)
        : readNodeConfig(program === 'sequencer' ? node : program, env);
    expect(read.local).toBe(false);
    expect(tableOf('keys', node)[1].Properties.TableName).toBe(`${read.tablePrefix}keys`);
  });

  test('may do with tables what the program does, from its own code only, and nothing by a wildcard', () => {
    const allowed: Record<string, string[]> = {};
    const arnOf = `arn:aws:lambda:eu-central-1:${config.nodes[node].account}:function:${nameOf(program, node)}`;
    for (const { Effect, Action, Resource, Condition } of statementsOf(program, node)) {
      expect(Effect).toBe('Allow');
      const actions = list(Action).map(String);
      expect(actions.join()).not.toContain('*');
      if (actions[0]?.startsWith('logs:')) continue;
      // Its stream: below.
      if (program === 'sequencer' && actions.some((action) => /Stream|Shard/.test(action))) continue;
      expect(Condition).toEqual({ ArnEquals: { 'lambda:SourceFunctionArn': arnOf } });
      for (const resource of list(Resource))
        for (const action of actions) {
          const text = JSON.stringify(resource);
          expect(text).not.toContain('*');
          const name = Object.keys(tables).find((table) => text.includes(`"${tableOf(table, node)[0]}"`));
          const index = /\/index\/(byList|byParent)"/.exec(text)?.[1] ?? '';
          allowed[`${name}${index && `/${index}`}`] ??= [];
          allowed[`${name}${index && `/${index}`}`]?.push(action.replace('dynamodb:', ''));
        }
    }
    const wanted: Record<string, string[]> = {};
    for (const [name, actions] of Object.entries<readonly string[]>(access[program])) {
      wanted[name] = actions.filter((action) => action !== 'Query');
      if (actions.includes('Query'))
        Object.assign(wanted, { [`${name}/byList`]: ['Query'], [`${name}/byParent`]: ['Query'] });
    }
    const sorted = (by: Record<string, string[]>) =>
      Object.fromEntries(Object.entries(by).map(([name, actions]) => [name, [...actions].sort()]));
    expect(sorted(allowed)).toEqual(sorted(wanted));
  });
});

test('the program that reads reaches neither shares, nor sessions, nor the keys of the node but to check tokens', () => {
  const [role] = roleOf('api', 'node1');
  const forbidden: TableName[] = ['shares', 'sessions', 'operations', 'counters'];
  const text = JSON.stringify(statementsOf('api', 'node1'));
  for (const name of forbidden) expect(text).not.toContain(tableOf(name, 'node1')[0]);
  expect(text).not.toContain('kms:');
  for (const { Properties } of Object.values(all.node1.ofType('AWS::KMS::Key')))
    if (!/encrypts the tables|bearer tokens/.test(Properties.Description))
      expect(JSON.stringify(Properties.KeyPolicy)).not.toContain(role);
  const names = Object.keys(functionOf('api', 'node1')[1].Properties.Environment.Variables);
  expect(names).toEqual(['PLANBOK_TABLE_PREFIX', 'PLANBOK_TOKEN_KEY']);
});

test.each(nodes)(
  'the sequencer of %s is woken by new entries of its audit table, and reads no other stream',
  (node) => {
    const [table] = tableOf('audit', node);
    const stream = { 'Fn::GetAtt': [table, 'StreamArn'] };
    const streams = statementsOf('sequencer', node).filter(({ Action }) =>
      /dynamodb:.*(Stream|Shard)/.test(String(Action)),
    );
    expect(streams).toEqual([
      {
        Effect: 'Allow',
        Action: ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'],
        Resource: stream,
      },
      { Effect: 'Allow', Action: 'dynamodb:ListStreams', Resource: '*' },
    ]);
    const mappings = Object.values(all[node].ofType('AWS::Lambda::EventSourceMapping'));
    expect(mappings.map(({ Properties }) => Properties)).toEqual([
      {
        FunctionName: { Ref: functionOf('sequencer', node)[0] },
        EventSourceArn: stream,
        StartingPosition: 'TRIM_HORIZON',
        BatchSize: 1_000,
        MaximumBatchingWindowInSeconds: 1,
        FilterCriteria: {
          Filters: [
            {
              Pattern: JSON.stringify({
                eventName: ['INSERT'],
                dynamodb: { NewImage: { organization: { S: [{ exists: true }] } } },
              }),
            },
          ],
        },
      },
    ]);
  },
);

test('a node whose peer is not known yet does not start', () => {
  const { node1 } = render(exampleConfig('example-same-account'));
  const [, { Properties }] = byName(
    node1,
    'AWS::Lambda::Function',
    'FunctionName',
    'planbok-example-dev-node1',
  );
  expect(Properties.Environment.Variables).not.toHaveProperty('PLANBOK_PEER_IDENTITY');
  expect(() => readNodeConfig('node1', { ...Properties.Environment.Variables })).toThrow(
    /PLANBOK_PEER_IDENTITY/,
  );
});

test('in one account, for development, no name is used twice', () => {
  const { node1, node2 } = render(exampleConfig('example-same-account'));
  const names = [node1, node2].map(
    ({ text }) =>
      new Set(
        [...text.matchAll(/"(?:TableName|RoleName|FunctionName|LogGroupName)":"([^"]+)"/g)].map((m) => m[1]),
      ),
  );
  expect(names[0]?.size).toBeGreaterThan(10);
  expect([...(names[0] ?? [])].filter((name) => names[1]?.has(name))).toEqual([]);
});

/** Methods of an API, as "POST /v1/wallets", with the function that serves them. */
function methodsOf(stack: Rendered): Map<string, string> {
  const resources = stack.ofType('AWS::ApiGateway::Resource');
  const pathOf = (id: string): string => {
    const resource = resources[id];
    if (!resource) return '';
    const parent = resource.Properties.ParentId;
    return `${pathOf(parent.Ref ?? '')}/${resource.Properties.PathPart}`;
  };
  return new Map(
    Object.values(stack.ofType('AWS::ApiGateway::Method')).map(({ Properties }) => {
      const { HttpMethod, ResourceId, Integration } = Properties;
      expect(Integration.Type).toBe('AWS_PROXY');
      const target = Object.keys(stack.ofType('AWS::Lambda::Function')).find((id) =>
        JSON.stringify(Integration.Uri).includes(`"${id}"`),
      );
      const name = stack.ofType('AWS::Lambda::Function')[target ?? '']?.Properties.FunctionName;
      return [`${HttpMethod} ${pathOf(ResourceId.Ref)}`, String(name)];
    }),
  );
}

describe('the public API', () => {
  test('has a method for every route of the route table, to the program that serves it, and no other', () => {
    const wanted = Object.values<Route>(routes).map(
      ({ method, path, program }) => [`${method} ${path}`, `planbok-example-${program}`] as const,
    );
    expect(methodsOf(all.node1)).toEqual(new Map(wanted));
  });

  test('answers browsers of the pages that are named, on every path; without any, none', () => {
    const { node1 } = render({ ...config, origins: ['https://wallet.example.com', 'https://b.example'] });
    const methods = methodsOf(node1);
    const paths = new Set(Object.values<Route>(routes).map(({ path }) => path));
    const asked = [...methods].filter(([name]) => name.startsWith('OPTIONS '));
    expect(new Map(asked)).toEqual(
      new Map([...paths].map((path) => [`OPTIONS ${path}`, 'planbok-example-api'])),
    );
    const named = (stack: Rendered) =>
      Object.values(stack.ofType('AWS::Lambda::Function')).flatMap(({ Properties }) => {
        const { PLANBOK_ORIGINS } = Properties.Environment?.Variables ?? {};
        return PLANBOK_ORIGINS === undefined ? [] : [PLANBOK_ORIGINS];
      });
    expect(named(node1)).toEqual(Array(2).fill('https://wallet.example.com,https://b.example'));
    expect(named(all.node1)).toEqual([]);
  });

  test('is throttled', () => {
    const [stage] = Object.values(all.node1.ofType('AWS::ApiGateway::Stage'));
    expect(stage?.Properties.MethodSettings).toMatchObject([
      { HttpMethod: '*', ResourcePath: '/*', ThrottlingRateLimit: 100, ThrottlingBurstLimit: 200 },
    ]);
  });

  test('refuses in the words of the API, and repeats nothing that was sent', () => {
    const answers = Object.values(all.node1.ofType('AWS::ApiGateway::GatewayResponse'));
    const codes = answers.map(({ Properties }) => {
      const template = Properties.ResponseTemplates['application/json'];
      expect(template).not.toMatch(/\$(?!context\.(requestId|resourcePath)")/);
      const { code, status } = JSON.parse(template);
      expect(Properties.StatusCode).toBe(String(status));
      return [Properties.ResponseType, code];
    });
    expect(Object.fromEntries(codes)).toEqual({
      MISSING_AUTHENTICATION_TOKEN: 'route_not_found',
      THROTTLED: 'rate_limited',
      REQUEST_TOO_LARGE: 'body_too_large',
      INTEGRATION_TIMEOUT: 'node_unavailable',
      DEFAULT_5XX: 'internal',
    });
  });
});

describe('Node 2 has no public ingress', () => {
  test('its only API is private and answers to one VPC endpoint', () => {
    const [api, ...more] = Object.values(all.node2.ofType('AWS::ApiGateway::RestApi'));
    expect(more).toEqual([]);
    const endpoint = config.nodes.node2.apiEndpoint;
    expect(api?.Properties.EndpointConfiguration).toEqual({ Types: ['PRIVATE'], VpcEndpointIds: [endpoint] });
    expect(api?.Properties.Policy.Statement).toEqual([
      {
        Sid: 'Methods',
        Effect: 'Allow',
        Principal: { AWS: '*' },
        Action: 'execute-api:Invoke',
        Resource: 'execute-api:/live/POST/planbok.node.v1.NodeService/*',
        Condition: { StringEquals: { 'aws:SourceVpce': endpoint } },
      },
      {
        Sid: 'DenyOtherWays',
        Effect: 'Deny',
        Principal: { AWS: '*' },
        Action: 'execute-api:Invoke',
        Resource: 'execute-api:/*',
        Condition: { StringNotEquals: { 'aws:SourceVpce': endpoint } },
      },
    ]);
    expect(api?.Properties.BinaryMediaTypes).toEqual(['*/*']);
  });

  test('only that API may invoke its function, and only by its method', () => {
    const permissions = Object.values(all.node2.ofType('AWS::Lambda::Permission'));
    expect(permissions).toHaveLength(1);
    expect(permissions[0]?.Properties.Principal).toBe('apigateway.amazonaws.com');
    const source = JSON.stringify(permissions[0]?.Properties.SourceArn);
    expect(source).toContain('/POST/planbok.node.v1.NodeService/*');
    expect(source).not.toContain('test-invoke-stage');
    expect([...methodsOf(all.node2)]).toEqual([
      ['POST /planbok.node.v1.NodeService/{method}', 'planbok-example-node2'],
    ]);
  });

  test('there is nothing else that could be reached', () => {
    for (const type of [
      'AWS::Lambda::Url',
      'AWS::ApiGatewayV2::Api',
      'AWS::ApiGateway::DomainName',
      'AWS::ElasticLoadBalancingV2::LoadBalancer',
      'AWS::EC2::InternetGateway',
    ])
      expect([type, all.node2.ofType(type)]).toEqual([type, {}]);
  });
});

test.each(nodes)('the logs of the API of %s say who asked, never what', (node) => {
  const [stage] = Object.values(all[node].ofType('AWS::ApiGateway::Stage'));
  const format = stage?.Properties.AccessLogSetting.Format;
  expect(Object.keys(JSON.parse(format))).toEqual(
    expect.arrayContaining(['requestId', 'time', 'ip', 'method', 'route', 'status']),
  );
  // `resourcePath` is the template of the route; `path` would have ids, a query would have anything.
  expect(format).not.toMatch(/body|header|\$context\.path"|querystring|authorizer/i);
  for (const settings of stage?.Properties.MethodSettings ?? [])
    expect(settings).toMatchObject({ DataTraceEnabled: false, LoggingLevel: 'ERROR' });
});

describe('cdk-nag, AwsSolutions', () => {
  interface Finding {
    readonly ruleName: string;
    readonly acknowledgedAt?: string;
  }

  test('what is found is acknowledged in writing, and what is acknowledged is found', () => {
    const app = all.stacks.node1.node.root as App;
    const report = readFileSync(`${app.synth().directory}/validation-report.json`, 'utf8');
    const [plugin] = JSON.parse(report).pluginReports;
    expect(plugin).toMatchObject({ pluginName: 'AwsSolutions', conclusion: 'success', violations: [] });
    const found = plugin.suppressedViolations.map(
      ({ ruleName, acknowledgedAt }: Finding) => `${acknowledgedAt} ${ruleName}`,
    );
    const written = nodes.flatMap((node) =>
      acknowledged[node].map(({ at, rule }) => `${all.stacks[node].stackName}/${at} AwsSolutions-${rule}`),
    );
    expect([...new Set(found)].sort()).toEqual([...written].sort());
    for (const { reason } of nodes.flatMap((node) => acknowledged[node]))
      expect(reason.length).toBeGreaterThan(40);
  });
});

test.each(nodes)('the whole stack of %s', (node) => {
  expect(masked(all[node].template.toJSON())).toMatchSnapshot();
});
