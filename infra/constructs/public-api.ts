/**
 * The API that applications reach: one method per route of the route table, each to the program that serves
 * it. Requests carry their own signatures, which the programs verify.
 * @module
 */
import { AuthorizationType, EndpointType, ResponseType, RestApi } from 'aws-cdk-lib/aws-apigateway';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { type ErrorCode, errorCodes } from '#shared/errors.ts';
import { type Program, type Route, routes } from '#shared/wire/routes.ts';
import { integrationOf, stageOf, type Throttle } from './stage.ts';

export interface PublicApiProps {
  readonly name: string;
  readonly programs: Readonly<Record<Program, IFunction>>;
  readonly throttle: Throttle;
  /** Pages of other origins may call it: browsers ask before they do, and the reads' program answers. */
  readonly pages: boolean;
}

export class PublicApi extends Construct {
  constructor(scope: Construct, id: string, { name, programs, throttle, pages }: PublicApiProps) {
    super(scope, id);
    const api = new RestApi(this, 'Api', {
      ...stageOf(this, throttle),
      restApiName: name,
      endpointConfiguration: { types: [EndpointType.REGIONAL] },
      // Tiles of the audit logs are bytes, and what reads transparency logs names no useful Accept header.
      binaryMediaTypes: ['*/*'],
    });
    const integrations = { api: integrationOf(programs.api), node1: integrationOf(programs.node1) };
    for (const { method, path, program } of Object.values<Route>(routes))
      api.root
        .resourceForPath(path)
        .addMethod(method, integrations[program], { authorizationType: AuthorizationType.NONE });
    const paths = pages ? new Set(Object.values<Route>(routes).map(({ path }) => path)) : [];
    for (const path of paths)
      api.root
        .resourceForPath(path)
        .addMethod('OPTIONS', integrations.api, { authorizationType: AuthorizationType.NONE });
    refusals(api);
  }
}

/** What the gateway refuses by itself, in the words of the API. */
function refusals(api: RestApi): void {
  refuse(api, ResponseType.MISSING_AUTHENTICATION_TOKEN, 'route_not_found');
  refuse(api, ResponseType.THROTTLED, 'rate_limited', { 'Retry-After': "'1'" });
  refuse(api, ResponseType.REQUEST_TOO_LARGE, 'body_too_large');
  refuse(api, ResponseType.INTEGRATION_TIMEOUT, 'node_unavailable');
  refuse(api, ResponseType.DEFAULT_5XX, 'internal');
}

function refuse(
  api: RestApi,
  type: ResponseType,
  code: ErrorCode,
  responseHeaders: Record<string, string> = {},
): void {
  const { status, title, retryable } = errorCodes[code];
  api.addGatewayResponse(code, {
    type,
    statusCode: String(status),
    responseHeaders,
    templates: {
      'application/json': JSON.stringify({
        type: `urn:planbok:error:${code}`,
        title,
        status,
        detail: title,
        // The route's template: what was sent would have to be escaped, which these templates cannot.
        instance: '$context.resourcePath',
        code,
        retryable,
        requestId: '$context.requestId',
      }),
    },
  });
}
