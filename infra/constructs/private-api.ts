/**
 * Node 2's door: a private REST API, which answers to one VPC endpoint and to nobody else.
 * @module
 */
import { AuthorizationType, EndpointType, RestApi } from 'aws-cdk-lib/aws-apigateway';
import { InterfaceVpcEndpoint } from 'aws-cdk-lib/aws-ec2';
import { AnyPrincipal, Effect, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { integrationOf, stageName, stageOf } from './stage.ts';

export interface PrivateApiProps {
  readonly name: string;
  readonly program: IFunction;
  /** Id of the endpoint for `execute-api`. */
  readonly endpoint: string;
}

/** Connect's path of a method; the functions know the methods. */
const service = 'planbok.node.v1.NodeService';

export class PrivateApi extends Construct {
  constructor(scope: Construct, id: string, { name, program, endpoint }: PrivateApiProps) {
    super(scope, id);
    const vpcEndpoint = InterfaceVpcEndpoint.fromInterfaceVpcEndpointAttributes(this, 'Endpoint', {
      vpcEndpointId: endpoint,
      port: 443,
    });
    const api = new RestApi(this, 'Api', {
      ...stageOf(this),
      restApiName: name,
      endpointConfiguration: { types: [EndpointType.PRIVATE], vpcEndpoints: [vpcEndpoint] },
      policy: onlyThrough(endpoint),
      // Messages are protobuf. Connect names no useful Accept header, so that every type must be binary.
      binaryMediaTypes: ['*/*'],
    });
    api.root
      .addResource(service)
      .addResource('{method}')
      .addMethod('POST', integrationOf(program), { authorizationType: AuthorizationType.NONE });
  }
}

const onlyThrough = (endpoint: string): PolicyDocument =>
  new PolicyDocument({
    statements: [
      new PolicyStatement({
        sid: 'Methods',
        principals: [new AnyPrincipal()],
        actions: ['execute-api:Invoke'],
        resources: [`execute-api:/${stageName}/POST/${service}/*`],
        conditions: { StringEquals: { 'aws:SourceVpce': endpoint } },
      }),
      new PolicyStatement({
        sid: 'DenyOtherWays',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['execute-api:Invoke'],
        resources: ['execute-api:/*'],
        conditions: { StringNotEquals: { 'aws:SourceVpce': endpoint } },
      }),
    ],
  });
