/**
 * The key that wraps the data keys of a node's shares. Only the node's own function uses it, and its sequencer for the
 * keys of logs, each only with the encryption context that names what it opens.
 * @module
 */
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { type IRole, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { administered, deniedToOthers, noGrants } from './key-policy.ts';

export interface ShareKeyProps {
  readonly node: 'node1' | 'node2';
  /** The role of the node's function; made before the key, and never replaced without it. */
  readonly role: IRole;
  /** The role of the node's sequencer. */
  readonly sequencer: IRole;
  readonly administrators: readonly string[];
  /** Id of the VPC endpoint that requests must come through. */
  readonly sourceVpce?: string;
}

const contextKeys = ['planbok:app', 'planbok:node', 'planbok:purpose', 'planbok:key', 'planbok:epoch'];

export class ShareKey extends Construct {
  readonly keyArn: string;

  constructor(scope: Construct, id: string, props: ShareKeyProps) {
    super(scope, id);
    const { node, role, sequencer, administrators, sourceVpce } = props;
    const use = (sid: string, principal: IRole, purposes: readonly string[]) =>
      new PolicyStatement({
        sid,
        principals: [principal],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        resources: ['*'],
        conditions: {
          StringEquals: {
            'kms:EncryptionContext:planbok:app': 'planbok',
            'kms:EncryptionContext:planbok:node': node,
            'kms:EncryptionContext:planbok:purpose': [...purposes],
            ...(sourceVpce !== undefined && { 'aws:SourceVpce': sourceVpce }),
          },
          // Present, whatever they are ...
          Null: {
            'kms:EncryptionContext:planbok:key': 'false',
            'kms:EncryptionContext:planbok:epoch': 'false',
          },
          // ... and nothing besides.
          'ForAllValues:StringEquals': { 'kms:EncryptionContextKeys': contextKeys },
        },
      });
    const crypto = [
      'kms:Decrypt',
      'kms:Encrypt',
      'kms:ReEncrypt*',
      'kms:GenerateDataKey*',
      'kms:CreateGrant',
    ];
    const key = new Key(this, 'Key', {
      description: `Planbok ${node}: wraps the data keys of shares`,
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
      policy: new PolicyDocument({
        statements: [
          administered(Stack.of(this), administrators),
          use('NodeOnly', role, ['share', 'dkg', 'hedge', 'audit', 'webhook']),
          // The keys of logs are sealed under this key too; the sequencer opens nothing else.
          use('LogsOnly', sequencer, ['audit']),
          deniedToOthers([role, sequencer], crypto),
          noGrants(),
        ],
      }),
    });
    this.keyArn = key.keyArn;
  }
}
