/**
 * The three keys of a node.
 * @module
 */
import { CfnOutput } from 'aws-cdk-lib';
import type { IRole } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';
import { IdentityKey } from './identity-key.ts';
import { ShareKey } from './share-key.ts';
import { TableKey } from './table-key.ts';

export interface NodeKeysProps {
  readonly node: 'node1' | 'node2';
  /** The role of the node's function. */
  readonly role: IRole;
  /** The role of the node's sequencer. */
  readonly sequencer: IRole;
  /** Roles of other programs that use the node's tables. */
  readonly readers: readonly IRole[];
  readonly administrators: readonly string[];
}

export class NodeKeys extends Construct {
  readonly table: IKey;
  /** What the node's function knows of its keys. */
  readonly environment: Readonly<Record<string, string>>;

  constructor(scope: Construct, id: string, props: NodeKeysProps) {
    super(scope, id);
    const { node, role, sequencer, readers, administrators } = props;
    const share = new ShareKey(this, 'Share', { node, role, sequencer, administrators });
    const identity = new IdentityKey(this, 'Identity', { node, roles: [role, sequencer], administrators });
    this.table = new TableKey(this, 'Table', { administrators, roles: [role, sequencer, ...readers] }).key;
    this.environment = {
      PLANBOK_NODE: node,
      PLANBOK_SHARE_KEY: share.keyArn,
      PLANBOK_IDENTITY_KEY: identity.keyArn,
    };
    new CfnOutput(this, 'IdentityKey', {
      value: identity.keyArn,
      description: 'Its public key is what the other node pins: `identity` of this node in the config file',
    });
  }
}
