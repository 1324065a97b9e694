/**
 * Statements that the policies of a node's keys share. A policy given in full replaces the default one, whose
 * statement for the account's root would let every administrator of IAM grant himself the key.
 * @module
 */
import { DefaultStackSynthesizer, type Stack } from 'aws-cdk-lib';
import { AnyPrincipal, ArnPrincipal, Effect, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';

/** The role that CloudFormation works with: it must keep PutKeyPolicy, or KMS refuses to make the key. */
export function deploymentRoleArn(stack: Stack): string {
  const name = `cdk-${DefaultStackSynthesizer.DEFAULT_QUALIFIER}-cfn-exec-role`;
  return `arn:aws:iam::${stack.account}:role/${name}-${stack.account}-${stack.region}`;
}

/** Everything but to use the key. Whoever may put a policy can allow himself more: alarms are for that. */
export const administered = (stack: Stack, administrators: readonly string[]): PolicyStatement =>
  new PolicyStatement({
    sid: 'Admin',
    principals: [...administrators, deploymentRoleArn(stack)].map((arn) => new ArnPrincipal(arn)),
    actions: [
      'kms:Describe*',
      'kms:Get*',
      'kms:List*',
      'kms:EnableKeyRotation',
      'kms:TagResource',
      'kms:UpdateKeyDescription',
      'kms:DisableKey',
      'kms:PutKeyPolicy',
      'kms:CancelKeyDeletion',
    ],
    resources: ['*'],
  });

/** No principal but these, whatever IAM says. */
export const deniedToOthers = (roles: readonly IRole[], actions: readonly string[]): PolicyStatement =>
  new PolicyStatement({
    sid: 'DenyEveryoneElse',
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: [...actions],
    resources: ['*'],
    conditions: { ArnNotEquals: { 'aws:PrincipalArn': roles.map((role) => role.roleArn) } },
  });

/** A grant would get around the policy. */
export const noGrants = (): PolicyStatement =>
  new PolicyStatement({
    sid: 'DenyGrants',
    effect: Effect.DENY,
    principals: [new AnyPrincipal()],
    actions: ['kms:CreateGrant'],
    resources: ['*'],
  });
