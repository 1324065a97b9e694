/**
 * What both APIs have in common: their stage, with limits and a log of who asked, never of what.
 * @module
 */
import { RemovalPolicy } from 'aws-cdk-lib';
import {
  AccessLogField,
  AccessLogFormat,
  LambdaIntegration,
  LogGroupLogDestination,
  MethodLoggingLevel,
  type RestApiProps,
} from 'aws-cdk-lib/aws-apigateway';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';

export interface Throttle {
  readonly perSecond: number;
  readonly burst: number;
}

/** Names and numbers only: no path as it was sent, no header, no body. */
const accessLog = AccessLogFormat.custom(
  JSON.stringify({
    requestId: AccessLogField.contextRequestId(),
    time: AccessLogField.contextRequestTimeEpoch(),
    ip: AccessLogField.contextIdentitySourceIp(),
    method: AccessLogField.contextHttpMethod(),
    route: AccessLogField.contextResourcePath(),
    status: AccessLogField.contextStatus(),
    bytes: AccessLogField.contextResponseLength(),
    latencyMs: AccessLogField.contextResponseLatency(),
    functionMs: AccessLogField.contextIntegrationLatency(),
  }),
);

export const stageName = 'live';

/** Options of a REST API with one stage, logged under the scope. */
export function stageOf(scope: Construct, throttle?: Throttle): RestApiProps {
  const log = new LogGroup(scope, 'AccessLog', {
    retention: RetentionDays.ONE_YEAR,
    removalPolicy: RemovalPolicy.RETAIN,
  });
  return {
    // Without it API Gateway writes no log. One for the whole account: it outlives the stack.
    cloudWatchRole: true,
    cloudWatchRoleRemovalPolicy: RemovalPolicy.RETAIN,
    deployOptions: {
      stageName,
      accessLogDestination: new LogGroupLogDestination(log),
      accessLogFormat: accessLog,
      loggingLevel: MethodLoggingLevel.ERROR,
      dataTraceEnabled: false,
      metricsEnabled: true,
      ...(throttle && { throttlingRateLimit: throttle.perSecond, throttlingBurstLimit: throttle.burst }),
    },
  };
}

/** Invokable by this API's method only, not by the console's test button, which passes by every policy. */
export const integrationOf = (target: IFunction): LambdaIntegration =>
  new LambdaIntegration(target, { allowTestInvoke: false });
