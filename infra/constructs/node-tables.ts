/**
 * The tables of one node, from the same data that the adapters address them by.
 * @module
 */
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AttributeType, Billing, StreamViewType, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import {
  AnyPrincipal,
  Effect,
  type IGrantable,
  type IRole,
  PolicyDocument,
  PolicyStatement,
} from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { type TableName, type TableSpec, tables } from '../../functions/tables.ts';
import type { TableAccess } from '../access.ts';

export interface NodeTablesProps {
  readonly prefix: string;
  readonly key: IKey;
  /** The role of the node's function: the only one that reads or writes shares. */
  readonly node: IRole;
}

/** A restore brings retired shares back: as short as it still helps. */
const shareRecoveryDays = 3;
const recoveryDays = 35;

const string = (name: string) => ({ name, type: AttributeType.STRING });

export class NodeTables extends Construct {
  private readonly tables: ReadonlyMap<string, TableV2>;

  constructor(scope: Construct, id: string, props: NodeTablesProps) {
    super(scope, id);
    this.tables = new Map(
      Object.entries(tables).map(([name, spec]) => [name, this.table(name as TableName, spec, props)]),
    );
  }

  /** Allows exactly this, to code of that function only. */
  grant(grantee: IGrantable, access: TableAccess, functionArn: string): void {
    for (const [name, actions] of Object.entries(access)) {
      const { tableArn } = this.tables.get(name) as TableV2; // every name of `tables` is a key
      const conditions = { ArnEquals: { 'lambda:SourceFunctionArn': functionArn } };
      const allow = (list: readonly string[], resources: string[]) =>
        list.length > 0 &&
        grantee.grantPrincipal.addToPrincipalPolicy(
          new PolicyStatement({ actions: list.map((action) => `dynamodb:${action}`), resources, conditions }),
        );
      allow(
        actions.filter((action) => action !== 'Query'),
        [tableArn],
      );
      allow(
        actions.filter((action) => action === 'Query'),
        [`${tableArn}/index/byList`, `${tableArn}/index/byParent`],
      );
    }
  }

  /** ARN of the stream of a table that has one. */
  streamArn(name: TableName): string {
    const arn = this.tables.get(name)?.tableStreamArn;
    if (arn === undefined) throw new TypeError(`the table ${name} has no stream`);
    return arn;
  }

  private table(name: TableName, spec: TableSpec, { prefix, key, node }: NodeTablesProps): TableV2 {
    return new TableV2(this, name, {
      tableName: prefix + name,
      partitionKey: string(spec.hash),
      ...(spec.range && { sortKey: string(spec.range) }),
      ...(spec.listed && { globalSecondaryIndexes: [index('byList', 'list'), index('byParent', 'parent')] }),
      ...(spec.expiring && { timeToLiveAttribute: 'ttl' }),
      ...(spec.streamed && { dynamoStream: StreamViewType.NEW_IMAGE }),
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.customerManagedKey(key),
      pointInTimeRecoverySpecification: spec.recoverable
        ? {
            pointInTimeRecoveryEnabled: true,
            recoveryPeriodInDays: name === 'shares' ? shareRecoveryDays : recoveryDays,
          }
        : { pointInTimeRecoveryEnabled: false },
      deletionProtection: true,
      removalPolicy: RemovalPolicy.RETAIN,
      ...(name === 'shares' && { resourcePolicy: this.onlyFor(node, prefix + name) }),
    });
  }

  /** Of items: who may change the table itself, IAM says. */
  private onlyFor(node: IRole, tableName: string): PolicyDocument {
    const { region, account } = Stack.of(this);
    const arn = `arn:aws:dynamodb:${region}:${account}:table/${tableName}`;
    return new PolicyDocument({
      statements: [
        new PolicyStatement({
          sid: 'DenyEveryoneElse',
          effect: Effect.DENY,
          principals: [new AnyPrincipal()],
          actions: [
            'dynamodb:GetItem',
            'dynamodb:BatchGetItem',
            'dynamodb:Query',
            'dynamodb:Scan',
            'dynamodb:PutItem',
            'dynamodb:UpdateItem',
            'dynamodb:DeleteItem',
            'dynamodb:BatchWriteItem',
            'dynamodb:ConditionCheckItem',
            'dynamodb:PartiQLSelect',
            'dynamodb:PartiQLInsert',
            'dynamodb:PartiQLUpdate',
            'dynamodb:PartiQLDelete',
          ],
          resources: [arn],
          conditions: { ArnNotEquals: { 'aws:PrincipalArn': node.roleArn } },
        }),
      ],
    });
  }
}

const index = (indexName: string, hash: string) => ({
  indexName,
  partitionKey: string(hash),
  sortKey: string('listOrder'),
});
