/**
 * The key by which the other node knows this one: it signs the delegations, one an hour.
 * @module
 */
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { type IRole, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { administered, deniedToOthers, noGrants } from './key-policy.ts';

export interface IdentityKeyProps {
  readonly node: 'node1' | 'node2';
  /** Of the node's functions that speak for it: the node's own, and its sequencer. */
  readonly roles: readonly IRole[];
  readonly administrators: readonly string[];
}

export class IdentityKey extends Construct {
  readonly keyArn: string;

  constructor(scope: Construct, id: string, { node, roles, administrators }: IdentityKeyProps) {
    super(scope, id);
    const sign = new PolicyStatement({
      sid: 'NodeSigns',
      principals: [...roles],
      actions: ['kms:Sign'],
      resources: ['*'],
      conditions: {
        StringEquals: { 'kms:SigningAlgorithm': 'ECDSA_SHA_256', 'kms:MessageType': 'RAW' },
      },
    });
    const read = new PolicyStatement({
      sid: 'NodeReads',
      principals: [...roles],
      actions: ['kms:GetPublicKey'],
      resources: ['*'],
    });
    const key = new Key(this, 'Key', {
      description: `Planbok ${node}: identity, signs delegations`,
      keySpec: KeySpec.ECC_NIST_P256,
      keyUsage: KeyUsage.SIGN_VERIFY,
      removalPolicy: RemovalPolicy.RETAIN,
      policy: new PolicyDocument({
        statements: [
          administered(Stack.of(this), administrators),
          sign,
          read,
          deniedToOthers(roles, ['kms:Sign', 'kms:CreateGrant']),
          noGrants(),
        ],
      }),
    });
    this.keyArn = key.keyArn;
  }
}
