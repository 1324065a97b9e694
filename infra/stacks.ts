/**
 * The stacks of an environment, with the rules they are checked against.
 * @module
 */
import { type App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { acknowledge, acknowledged } from './acknowledged.ts';
import type { DeploymentConfig } from './config.ts';
import { Node1Stack } from './node1-stack.ts';
import { Node2Stack } from './node2-stack.ts';

export interface Stacks {
  readonly node1: Node1Stack;
  readonly node2: Node2Stack;
}

/** Nothing of one stack refers to the other: each can be made, and deployed, by its own operator. */
export function addStacks(app: App, config: DeploymentConfig): Stacks {
  const stacks = {
    node1: new Node1Stack(app, `Planbok-${config.env}-Node1`, config),
    node2: new Node2Stack(app, `Planbok-${config.env}-Node2`, config),
  };
  acknowledge(stacks.node1, acknowledged.node1);
  acknowledge(stacks.node2, acknowledged.node2);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app, { verbose: true }));
  return stacks;
}
