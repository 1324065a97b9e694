/**
 * The key of the tables. DynamoDB works with grants, which the share key forbids: never one key for both.
 * @module
 */
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import {
  ArnPrincipal,
  type IRole,
  PolicyDocument,
  PolicyStatement,
  ServicePrincipal,
} from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { administered, deploymentRoleArn } from './key-policy.ts';

export interface TableKeyProps {
  readonly administrators: readonly string[];
  /** Roles of the programs that use tables. */
  readonly roles: readonly IRole[];
}

export class TableKey extends Construct {
  readonly key: Key;

  constructor(scope: Construct, id: string, { administrators, roles }: TableKeyProps) {
    super(scope, id);
    const stack = Stack.of(this);
    const deployment = new ArnPrincipal(deploymentRoleArn(stack));
    const throughDynamo = { StringEquals: { 'kms:ViaService': `dynamodb.${stack.region}.amazonaws.com` } };
    const use = new PolicyStatement({
      sid: 'ThroughDynamoDB',
      principals: [deployment, ...roles],
      actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
      resources: ['*'],
      conditions: throughDynamo,
    });
    // What DynamoDB itself then works with.
    const grant = new PolicyStatement({
      sid: 'GrantToDynamoDB',
      principals: [deployment, ...roles],
      actions: ['kms:CreateGrant'],
      resources: ['*'],
      conditions: { ...throughDynamo, Bool: { 'kms:GrantIsForAWSResource': 'true' } },
    });
    const look = new PolicyStatement({
      sid: 'DynamoDBLooks',
      principals: [new ServicePrincipal('dynamodb.amazonaws.com')],
      actions: ['kms:Describe*', 'kms:Get*', 'kms:List*'],
      resources: ['*'],
      conditions: { StringEquals: { 'aws:SourceAccount': stack.account } },
    });
    this.key = new Key(this, 'Key', {
      description: 'Planbok: encrypts the tables',
      enableKeyRotation: true,
      removalPolicy: RemovalPolicy.RETAIN,
      policy: new PolicyDocument({ statements: [administered(stack, administrators), use, grant, look] }),
    });
  }
}
