/**
 * The stacks of an example, made in memory: no bundling, no credentials, the flags of cdk.json.
 * @module
 */
import { readFileSync } from 'node:fs';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { type DeploymentConfig, parseConfig } from '../../infra/config.ts';
import { addStacks, type Stacks } from '../../infra/stacks.ts';

// The validator in WebAssembly takes many seconds; test/infra/synth.test.ts runs it.
process.env['CDK_VALIDATION'] = 'false';

const flags = JSON.parse(readFileSync('cdk.json', 'utf8')).context as Record<string, unknown>;

export const newApp = (): App => new App({ context: { ...flags, 'aws:cdk:bundling-stacks': [] } });

export const exampleConfig = (name: string): DeploymentConfig =>
  parseConfig(readFileSync(`config/${name}.json`, 'utf8'), name);

export interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal?: unknown;
  readonly Action: string | readonly string[];
  readonly Resource?: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export interface Resource {
  readonly Type: string;
  readonly Properties: any;
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
}

export interface Rendered {
  readonly text: string;
  readonly template: Template;
  /** Resources of a type, by logical id. */
  ofType(type: string): Readonly<Record<string, Resource>>;
}

export function render(config: DeploymentConfig): {
  readonly stacks: Stacks;
  readonly node1: Rendered;
  readonly node2: Rendered;
} {
  const stacks = addStacks(newApp(), config);
  return { stacks, node1: rendered(stacks.node1), node2: rendered(stacks.node2) };
}

function rendered(stack: Stacks['node1']): Rendered {
  const template = Template.fromStack(stack);
  return {
    text: JSON.stringify(template.toJSON()),
    template,
    ofType: (type) => template.findResources(type) as unknown as Record<string, Resource>,
  };
}

/** Lists of one are written as the one. */
export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

/** Hashes of bundles change with every line of code. */
export const masked = (template: unknown): unknown =>
  JSON.parse(JSON.stringify(template).replace(/[0-9a-f]{64}/g, '<asset>'));
