/**
 * `npx cdk synth -c config=config/NAME.json`: asks AWS nothing, needs no credentials.
 * @module
 */
import { readFileSync } from 'node:fs';
import { App } from 'aws-cdk-lib';
import { ConfigError, parseConfig } from './config.ts';
import { addStacks } from './stacks.ts';

function configFile(app: App): { readonly text: string; readonly file: string } {
  const file: unknown = app.node.tryGetContext('config');
  if (typeof file !== 'string')
    throw new ConfigError('say which environment: -c config=config/example-two-accounts.json');
  try {
    return { text: readFileSync(file, 'utf8'), file };
  } catch (cause) {
    throw new ConfigError(`${file} cannot be read`, { cause });
  }
}

try {
  const app = new App();
  const { text, file } = configFile(app);
  addStacks(app, parseConfig(text, file));
  app.synth();
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  // The reasons are the message; a stack trace would bury them.
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
