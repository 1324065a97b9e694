/**
 * Findings of cdk-nag (AwsSolutions) that stay, each with its reason. A finding that is not here fails the
 * synthesis.
 * @module
 */
import { type Stack, Validations } from 'aws-cdk-lib';

interface Acknowledged {
  /** Path of a construct inside its stack. */
  readonly at: string;
  readonly rule: string;
  readonly reason: string;
}

const validated =
  'The functions validate: JSON by schema after a cap on its size, envelopes by signature before they are parsed. Models in the gateway would be a second, weaker definition.';
const logsRole =
  'The role with which API Gateway writes to CloudWatch, one per account: this managed policy is the documented one, and reaches logs only.';
const logsPolicy =
  'IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]';

const listStreams = {
  at: 'SequencerRole',
  rule: 'IAM5[Resource::*]',
  reason:
    'dynamodb:ListStreams knows no resource, and Lambda needs it to find the shards of the one stream that the role may read. It shows names only.',
};

const node1: readonly Acknowledged[] = [
  { at: 'Public', rule: 'APIG2', reason: validated },
  {
    at: 'Public',
    rule: 'APIG3',
    reason:
      'No web ACL yet: the stage is throttled, the functions limit each credential and organization. See docs/deployment.md.',
  },
  {
    at: 'Public',
    rule: 'APIG4',
    reason:
      'Every request is signed by its actor (RFC 9421). The programs verify that, and Node 2 verifies it again against its own registry; an authorizer in account 1 would have to be trusted instead.',
  },
  { at: 'Public', rule: 'COG4', reason: 'Actors sign requests with their own keys; there are no passwords.' },
  { at: 'Public', rule: logsPolicy, reason: logsRole },
  listStreams,
];

const node2: readonly Acknowledged[] = [
  { at: 'Private', rule: 'APIG2', reason: validated },
  {
    at: 'Private',
    rule: 'APIG3',
    reason: 'A private API: it answers to one VPC endpoint, and what comes through must be signed by Node 1.',
  },
  {
    at: 'Private',
    rule: 'APIG4',
    reason:
      "The resource policy admits one VPC endpoint; the function demands Node 1's certificate and an envelope signed under its pinned identity key.",
  },
  { at: 'Private', rule: 'COG4', reason: 'Its only caller is Node 1: there are no users.' },
  { at: 'Private', rule: logsPolicy, reason: logsRole },
  listStreams,
];

export const acknowledged = { node1, node2 };

export function acknowledge(stack: Stack, findings: readonly Acknowledged[]): void {
  for (const { at, rule, reason } of findings)
    Validations.of(stack.node.findChild(at)).acknowledge({
      id: `AwsSolutions::AwsSolutions-${rule}`,
      reason,
    });
}
