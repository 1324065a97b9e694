/**
 * The key that seals what bearer tokens are hashed under. A key of its own: the program that reads checks tokens
 * with it, and has no right to anything that wraps a share.
 * @module
 */
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, type IRole, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { administered, noGrants } from './key-policy.ts';

export interface TokenKeyProps {
  /** Node 1's role: it makes the secret. */
  readonly maker: IRole;
  /** The role of the program that reads: it opens the secret, no more. */
  readonly reader: IRole;
  readonly administrators: readonly string[];
}

/** What the vault binds: functions/stores/token-secret.ts. */
const context = {
  'kms:EncryptionContext:planbok:app': 'planbok',
  'kms:EncryptionContext:planbok:node': 'node1',
  'kms:EncryptionContext:planbok:purpose': 'token',
};

export class TokenKey extends Construct {
  readonly keyArn: string;

  constructor(scope: Construct, id: string, { maker, reader, administrators }: TokenKeyProps) {
    super(scope, id);
    const allow = (sid: string, principals: IRole[], actions: string[]) =>
      new PolicyStatement({
        sid,
        principals,
        actions,
        resources: ['*'],
        conditions: { StringEquals: context },
      });
    const deniedToOthers = new PolicyStatement({
      sid: 'DenyEveryoneElse',
      effect: Effect.DENY,
      principals: [new AnyPrincipal()],
      actions: ['kms:Decrypt', 'kms:Encrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:CreateGrant'],
      resources: ['*'],
      conditions: { ArnNotEquals: { 'aws:PrincipalArn': [maker.roleArn, reader.roleArn] } },
    });
    const key = new Key(this, 'Key', {
      description: 'Planbok node1: seals what bearer tokens are hashed under',
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
      policy: new PolicyDocument({
        statements: [
          administered(Stack.of(this), administrators),
          allow('Open', [maker, reader], ['kms:Decrypt']),
          allow('Make', [maker], ['kms:GenerateDataKey']),
          deniedToOthers,
          noGrants(),
        ],
      }),
    });
    this.keyArn = key.keyArn;
  }
}
