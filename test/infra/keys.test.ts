import { beforeAll, describe, expect, test } from '@jest/globals';
import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { type IRole, Role } from 'aws-cdk-lib/aws-iam';
import type { EncryptionContext } from '../../functions/ports.ts';
import { type Purpose, vaultOf } from '../../functions/stores/vault.ts';
import { ShareKey } from '../../infra/constructs/share-key.ts';
import { exampleConfig, list, newApp, type Rendered, render, type Statement } from '../support/stacks.ts';
import { fresh } from '../support/two-nodes.ts';

const config = exampleConfig('example-two-accounts');
let stacks: Record<'node1' | 'node2', Rendered>;

beforeAll(() => {
  stacks = render(config);
});

/** The key whose description has this in it. */
function keyOf(node: 'node1' | 'node2', what: string) {
  const found = Object.entries(stacks[node].ofType('AWS::KMS::Key')).filter(([, { Properties }]) =>
    Properties.Description.includes(what),
  );
  expect(found).toHaveLength(1);
  const [id, resource] = found[0] as (typeof found)[number];
  return { id, resource, statements: resource.Properties.KeyPolicy.Statement as Statement[] };
}

const nodes = ['node1', 'node2'] as const;
const roleArn = (node: 'node1' | 'node2', role = 'NodeRole') => ({
  'Fn::GetAtt': [Object.keys(stacks[node].ofType('AWS::IAM::Role')).find((id) => id.startsWith(role)), 'Arn'],
});
/** Of the node's function, and of its sequencer. */
const both = (node: 'node1' | 'node2') => [roleArn(node), roleArn(node, 'SequencerRole')];

const administration = [
  'kms:CancelKeyDeletion',
  'kms:Describe*',
  'kms:DisableKey',
  'kms:EnableKeyRotation',
  'kms:Get*',
  'kms:List*',
  'kms:PutKeyPolicy',
  'kms:TagResource',
  'kms:UpdateKeyDescription',
];

const administratorsOf = (node: 'node1' | 'node2') => {
  const { account, region, keyAdministrators } = config.nodes[node];
  return [
    ...keyAdministrators,
    `arn:aws:iam::${account}:role/cdk-hnb659fds-cfn-exec-role-${account}-${region}`,
  ];
};

/** What a role may do with the share key: with this encryption context, and for these purposes. */
const used = (node: 'node1' | 'node2', sid: string, role: unknown, purposes: unknown) => ({
  Sid: sid,
  Effect: 'Allow',
  Principal: { AWS: role },
  Action: ['kms:Decrypt', 'kms:GenerateDataKey'],
  Resource: '*',
  Condition: {
    StringEquals: {
      'kms:EncryptionContext:planbok:app': 'planbok',
      'kms:EncryptionContext:planbok:node': node,
      'kms:EncryptionContext:planbok:purpose': purposes,
    },
    Null: {
      'kms:EncryptionContext:planbok:key': 'false',
      'kms:EncryptionContext:planbok:epoch': 'false',
    },
    'ForAllValues:StringEquals': {
      'kms:EncryptionContextKeys': [
        'planbok:app',
        'planbok:node',
        'planbok:purpose',
        'planbok:key',
        'planbok:epoch',
      ],
    },
  },
});

describe.each(nodes)('the share key of %s', (node) => {
  test('its policy is exactly this: administrators without cryptography, the node with its context', () => {
    expect(keyOf(node, 'wraps the data keys').statements).toEqual([
      {
        Sid: 'Admin',
        Effect: 'Allow',
        Principal: { AWS: administratorsOf(node) },
        Action: administration,
        Resource: '*',
      },
      used(node, 'NodeOnly', roleArn(node), ['share', 'dkg', 'hedge', 'audit', 'webhook']),
      used(node, 'LogsOnly', roleArn(node, 'SequencerRole'), ['audit']),
      {
        Sid: 'DenyEveryoneElse',
        Effect: 'Deny',
        Principal: { AWS: '*' },
        Action: ['kms:CreateGrant', 'kms:Decrypt', 'kms:Encrypt', 'kms:GenerateDataKey*', 'kms:ReEncrypt*'],
        Resource: '*',
        Condition: { ArnNotEquals: { 'aws:PrincipalArn': both(node) } },
      },
      {
        Sid: 'DenyGrants',
        Effect: 'Deny',
        Principal: { AWS: '*' },
        Action: 'kms:CreateGrant',
        Resource: '*',
      },
    ]);
  });

  test('what a vault asks with is admitted, and what differs from it in anything is not', async () => {
    const condition = keyOf(node, 'wraps the data keys').statements[1]?.Condition ?? {};
    for (const purpose of ['share', 'dkg', 'hedge', 'audit', 'webhook'] as const) {
      const context = await contextOf(node, { purpose, key: 'wset_1', epoch: 3 });
      expect(admits(condition, context)).toBe(true);
      for (const name of Object.keys(context)) {
        const { [name]: _, ...without } = context;
        expect([name, admits(condition, without)]).toEqual([name, false]);
      }
      expect(admits(condition, { ...context, more: 'x' })).toBe(false);
      expect(admits(condition, { ...context, 'planbok:purpose': 'export' })).toBe(false);
      const other = await contextOf(node === 'node1' ? 'node2' : 'node1', { purpose, key: 'k', epoch: 3 });
      expect(admits(condition, other)).toBe(false);
    }
    expect(admits(condition, {})).toBe(false);
  });

  test('the sequencer opens the keys of logs with it, and nothing else', async () => {
    const { statements } = keyOf(node, 'wraps the data keys');
    const condition = statements.find(({ Sid }) => Sid === 'LogsOnly')?.Condition ?? {};
    for (const purpose of ['share', 'dkg', 'hedge', 'audit', 'webhook'] as const) {
      const context = await contextOf(node, { purpose, key: 'k', epoch: 0 });
      expect([purpose, admits(condition, context)]).toEqual([purpose, purpose === 'audit']);
    }
  });

  test('it is kept when the stack goes, and rotates', () => {
    const { resource } = keyOf(node, 'wraps the data keys');
    expect(resource).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
    expect(resource.Properties).toMatchObject({ EnableKeyRotation: true });
  });
});

/** The encryption context that the node's own code makes for this. */
async function contextOf(node: 'node1' | 'node2', purpose: Purpose): Promise<EncryptionContext> {
  let made: EncryptionContext = {};
  const keys = {
    async generateDataKey(context: EncryptionContext) {
      made = context;
      return { key: fresh(32), wrapped: fresh(8) };
    },
    decryptDataKey: async () => fresh(32),
  };
  await vaultOf({ keys, random: fresh, node }).seal(purpose, fresh(4), fresh(4));
  return made;
}

/** IAM's rules for the operators that the policy uses; another operator fails the test. */
function admits(condition: NonNullable<Statement['Condition']>, context: EncryptionContext): boolean {
  const given = (name: string) => context[name.replace('kms:EncryptionContext:', '')];
  return Object.entries(condition).every(([operator, tests]) =>
    Object.entries(tests).every(([name, wanted]) => {
      if (operator === 'StringEquals') return list(wanted).includes(given(name));
      if (operator === 'Null') return (given(name) === undefined) === (wanted === 'true');
      expect([operator, name]).toEqual(['ForAllValues:StringEquals', 'kms:EncryptionContextKeys']);
      return Object.keys(context).every((used) => list(wanted).includes(used));
    }),
  );
}

test('the share key may be bound to one VPC endpoint', () => {
  const stack = new Stack(newApp(), 'One', { env: { account: '111111111111', region: 'eu-central-1' } });
  const [role, sequencer] = ['node', 'sequencer'].map((name) =>
    Role.fromRoleArn(stack, name, `arn:aws:iam::111111111111:role/${name}`),
  ) as [IRole, IRole];
  const sourceVpce = 'vpce-1234567890';
  new ShareKey(stack, 'Key', { node: 'node1', role, sequencer, administrators: [], sourceVpce });
  const [key] = Object.values(Template.fromStack(stack).findResources('AWS::KMS::Key'));
  for (const i of [1, 2])
    expect(key?.['Properties'].KeyPolicy.Statement[i].Condition.StringEquals).toMatchObject({
      'aws:SourceVpce': sourceVpce,
    });
});

describe.each(nodes)('the other keys of %s', (node) => {
  test('the identity key signs with P-256, for the node and its sequencer alone, and makes no grants', () => {
    const { resource, statements } = keyOf(node, 'identity');
    expect(resource.Properties).toMatchObject({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
    expect(resource).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
    const [admin, ...rest] = statements;
    expect(admin).toMatchObject({ Principal: { AWS: administratorsOf(node) }, Action: administration });
    expect(rest).toEqual([
      {
        Sid: 'NodeSigns',
        Effect: 'Allow',
        Principal: { AWS: both(node) },
        Action: 'kms:Sign',
        Resource: '*',
        Condition: {
          StringEquals: { 'kms:SigningAlgorithm': 'ECDSA_SHA_256', 'kms:MessageType': 'RAW' },
        },
      },
      {
        Sid: 'NodeReads',
        Effect: 'Allow',
        Principal: { AWS: both(node) },
        Action: 'kms:GetPublicKey',
        Resource: '*',
      },
      {
        Sid: 'DenyEveryoneElse',
        Effect: 'Deny',
        Principal: { AWS: '*' },
        Action: ['kms:CreateGrant', 'kms:Sign'],
        Resource: '*',
        Condition: { ArnNotEquals: { 'aws:PrincipalArn': both(node) } },
      },
      {
        Sid: 'DenyGrants',
        Effect: 'Deny',
        Principal: { AWS: '*' },
        Action: 'kms:CreateGrant',
        Resource: '*',
      },
    ]);
  });

  test('the table key is a key of its own, used through DynamoDB only', () => {
    const { id, statements } = keyOf(node, 'encrypts the tables');
    expect(id).not.toBe(keyOf(node, 'wraps the data keys').id);
    const uses = statements.filter(({ Action }) =>
      list(Action).some((action) => /Encrypt|Decrypt|DataKey|CreateGrant/.test(String(action))),
    );
    expect(uses.map(({ Sid }) => Sid)).toEqual(['ThroughDynamoDB', 'GrantToDynamoDB']);
    for (const { Condition } of uses)
      expect(Condition?.['StringEquals']).toEqual({
        'kms:ViaService': 'dynamodb.eu-central-1.amazonaws.com',
      });
    expect(uses[1]?.Condition?.['Bool']).toEqual({ 'kms:GrantIsForAWSResource': 'true' });
  });

  test('no statement names the root of an account: IAM alone opens no key', () => {
    for (const { Properties } of Object.values(stacks[node].ofType('AWS::KMS::Key')))
      for (const { Effect, Principal, Action } of Properties.KeyPolicy.Statement as Statement[]) {
        const text = JSON.stringify(Principal);
        expect(text).not.toContain(':root');
        expect(text).not.toContain(`"${config.nodes[node].account}"`);
        if (Effect === 'Allow') expect(text).not.toContain('*');
        expect(list(Action)).not.toContain('kms:*');
      }
  });
});

test('the token key is opened by the programs of account 1, made use of by Node 1, and wraps no share', () => {
  const { id, statements } = keyOf('node1', 'bearer tokens');
  expect(id).not.toBe(keyOf('node1', 'wraps the data keys').id);
  const [, open, make, denied, grants] = statements;
  const context = {
    'kms:EncryptionContext:planbok:app': 'planbok',
    'kms:EncryptionContext:planbok:node': 'node1',
    'kms:EncryptionContext:planbok:purpose': 'token',
  };
  expect(open).toMatchObject({ Effect: 'Allow', Action: 'kms:Decrypt' });
  expect(list((open?.Principal as any)?.['AWS'])).toHaveLength(2);
  expect(make).toMatchObject({
    Effect: 'Allow',
    Action: 'kms:GenerateDataKey',
    Principal: { AWS: roleArn('node1') },
  });
  for (const allowed of [open, make]) expect(allowed?.Condition).toEqual({ StringEquals: context });
  expect(denied).toMatchObject({ Effect: 'Deny', Principal: { AWS: '*' } });
  expect(list(denied?.Condition?.['ArnNotEquals']?.['aws:PrincipalArn'])).toHaveLength(2);
  expect(grants).toMatchObject({ Effect: 'Deny', Action: 'kms:CreateGrant' });
  // Node 2 has nothing to do with tokens.
  expect(() => keyOf('node2', 'bearer tokens')).toThrow();
});

test('the encryption key agrees with ECDH, for the function of Node 1 alone, and makes no grants', () => {
  const { resource, statements } = keyOf('node1', 'clients seal');
  expect(resource.Properties).toMatchObject({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'KEY_AGREEMENT' });
  expect(resource).toMatchObject({ DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' });
  const [admin, ...rest] = statements;
  expect(admin).toMatchObject({ Principal: { AWS: administratorsOf('node1') }, Action: administration });
  expect(rest).toEqual([
    {
      Sid: 'NodeAgrees',
      Effect: 'Allow',
      Principal: { AWS: roleArn('node1') },
      Action: 'kms:DeriveSharedSecret',
      Resource: '*',
      Condition: { StringEquals: { 'kms:KeyAgreementAlgorithm': 'ECDH' } },
    },
    {
      Sid: 'NodeReads',
      Effect: 'Allow',
      Principal: { AWS: roleArn('node1') },
      Action: 'kms:GetPublicKey',
      Resource: '*',
    },
    {
      Sid: 'DenyEveryoneElse',
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Action: ['kms:CreateGrant', 'kms:DeriveSharedSecret'],
      Resource: '*',
      Condition: { ArnNotEquals: { 'aws:PrincipalArn': [roleArn('node1')] } },
    },
    {
      Sid: 'DenyGrants',
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Action: 'kms:CreateGrant',
      Resource: '*',
    },
  ]);
  // Node 2 has none.
  expect(() => keyOf('node2', 'clients seal')).toThrow();
});
