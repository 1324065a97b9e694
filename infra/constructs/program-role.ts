/**
 * The role of a program's function, made before the keys and tables whose policies name it. **Deleting it and
 * making it anew breaks those policies**: they then name an identity that is gone.
 * @module
 */
import { ArnFormat, Stack } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

export class ProgramRole extends Construct {
  readonly role: Role;
  readonly functionName: string;
  /** Known before the function exists. */
  readonly functionArn: string;

  /** @param name of the function, and of the role */
  constructor(scope: Construct, id: string, { name }: { readonly name: string }) {
    super(scope, id);
    this.functionName = name;
    this.functionArn = Stack.of(this).formatArn({
      service: 'lambda',
      resource: 'function',
      resourceName: name,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    this.role = new Role(this, 'Role', {
      roleName: name,
      assumedBy: new ServicePrincipal('lambda.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    });
  }
}
