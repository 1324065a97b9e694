/**
 * A program of `functions/` on Lambda, bundled from its handler.
 * @module
 */
import { fileURLToPath } from 'node:url';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Architecture, type IFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { Charset, NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { ProgramName } from '../access.ts';
import type { ProgramRole } from './program-role.ts';

export interface ProgramProps {
  readonly program: ProgramName;
  readonly role: ProgramRole;
  readonly environment: Readonly<Record<string, string>>;
  readonly reservedConcurrency: number;
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/** One whole virtual CPU. */
const memoryMb = 1_769;

/** Libraries in CommonJS ask for Node's own modules by `require`, which ESM has not. */
const banner =
  "import { createRequire as planbokRequire } from 'node:module'; const require = planbokRequire(import.meta.url);";

/**
 * Where the SDK looks for credentials when the environment has none. On Lambda it has them: these are loaded on
 * demand, that is never, and would be a tenth of the bundle.
 */
const otherCredentials = [
  '@aws-sdk/credential-provider-http',
  '@aws-sdk/credential-provider-ini',
  '@aws-sdk/credential-provider-process',
  '@aws-sdk/credential-provider-sso',
  '@aws-sdk/credential-provider-web-identity',
  '@smithy/credential-provider-imds',
];

export class Program extends Construct {
  readonly function: IFunction;

  constructor(scope: Construct, id: string, props: ProgramProps) {
    super(scope, id);
    const { program, role, environment, reservedConcurrency } = props;
    const logGroup = new LogGroup(this, 'Log', {
      logGroupName: `/aws/lambda/${role.functionName}`,
      retention: RetentionDays.ONE_YEAR,
      removalPolicy: RemovalPolicy.RETAIN,
    });
    logGroup.grantWrite(role.role);
    this.function = new NodejsFunction(this, 'Function', {
      functionName: role.functionName,
      entry: `${root}functions/${program}/handler.ts`,
      projectRoot: root,
      depsLockFilePath: `${root}package-lock.json`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: memoryMb,
      // As long as API Gateway waits, and shorter than a lease on an idempotency key.
      timeout: Duration.seconds(29),
      reservedConcurrentExecutions: reservedConcurrency,
      role: role.role,
      logGroup,
      environment: { ...environment },
      awsSdkConnectionReuse: false,
      bundling: {
        format: OutputFormat.ESM,
        target: 'node24',
        mainFields: ['module', 'main'],
        minify: true,
        // The libraries' notices are in the repository; in a program that nobody is handed they cost a cold start.
        esbuildArgs: { '--legal-comments': 'none' },
        charset: Charset.UTF8,
        banner,
        // The SDK that was tested is the one that runs.
        bundleAwsSDK: true,
        externalModules: otherCredentials,
        sourceMap: false,
        metafile: false,
      },
    });
  }
}
