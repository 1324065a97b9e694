/**
 * The sequencer of a node's audit logs: woken by the stream of the audit table, one at a time.
 * @module
 */
import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { EventSourceMapping, FilterCriteria, FilterRule, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { Program } from './program.ts';
import type { ProgramRole } from './program-role.ts';

export interface SequencerProps {
  readonly role: ProgramRole;
  readonly environment: Readonly<Record<string, string>>;
  /** ARN of the stream of the audit table. */
  readonly stream: string;
}

/** A record is in the log within two seconds: half of them may be spent waiting for more. */
const waitSeconds = 1;

export class Sequencer extends Construct {
  constructor(scope: Construct, id: string, { role, environment, stream }: SequencerProps) {
    super(scope, id);
    role.role.addToPolicy(
      new PolicyStatement({
        actions: ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'],
        resources: [stream],
      }),
    );
    // Lambda lists streams to find the shards; this action knows no resource.
    role.role.addToPolicy(new PolicyStatement({ actions: ['dynamodb:ListStreams'], resources: ['*'] }));
    const program = new Program(this, 'Program', {
      program: 'sequencer',
      role,
      environment,
      // Several would only lose swaps of the head to each other.
      reservedConcurrency: 1,
    });
    const mapping = new EventSourceMapping(this, 'Wake', {
      target: program.function,
      eventSourceArn: stream,
      startingPosition: StartingPosition.TRIM_HORIZON,
      batchSize: 1_000,
      maxBatchingWindow: Duration.seconds(waitSeconds),
      // Entries that are new; what integration changes wakes nobody.
      filters: [
        FilterCriteria.filter({
          eventName: FilterRule.isEqual('INSERT'),
          dynamodb: { NewImage: { organization: { S: FilterRule.exists() } } },
        }),
      ],
    });
    mapping.node.addDependency(role.role);
  }
}
