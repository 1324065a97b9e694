/**
 * A key that clients seal their secrets to: P-256, for key agreement and nothing else. Node 1's function alone
 * agrees with it. Clients use one for at most 90 days: the next is made as one more of these beside it.
 * @module
 */
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { type IRole, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { administered, deniedToOthers, noGrants } from './key-policy.ts';

export interface EncryptionKeyProps {
  /** Of Node 1's function. */
  readonly role: IRole;
  readonly administrators: readonly string[];
}

export class EncryptionKey extends Construct {
  constructor(scope: Construct, id: string, { role, administrators }: EncryptionKeyProps) {
    super(scope, id);
    const agree = new PolicyStatement({
      sid: 'NodeAgrees',
      principals: [role],
      actions: ['kms:DeriveSharedSecret'],
      resources: ['*'],
      conditions: { StringEquals: { 'kms:KeyAgreementAlgorithm': 'ECDH' } },
    });
    const read = new PolicyStatement({
      sid: 'NodeReads',
      principals: [role],
      actions: ['kms:GetPublicKey'],
      resources: ['*'],
    });
    new Key(this, 'Key', {
      description: 'Planbok node1: clients seal their secrets to it',
      keySpec: KeySpec.ECC_NIST_P256,
      keyUsage: KeyUsage.KEY_AGREEMENT,
      removalPolicy: RemovalPolicy.RETAIN,
      policy: new PolicyDocument({
        statements: [
          administered(Stack.of(this), administrators),
          agree,
          read,
          deniedToOthers([role], ['kms:DeriveSharedSecret', 'kms:CreateGrant']),
          noGrants(),
        ],
      }),
    });
  }
}
