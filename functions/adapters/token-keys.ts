/**
 * The KMS key behind bearer tokens, which the programs of account 1 share.
 * @module
 */
import { ConfigError, type ProgramConfig } from '../config.ts';
import type { DataKeys } from '../ports.ts';
import { kmsClient, kmsDataKeys } from './kms.ts';

/** @throws {ConfigError} without a token key */
export function tokenKeys({ tokenKeyId, aws }: ProgramConfig): DataKeys {
  if (tokenKeyId === undefined) throw new ConfigError('the programs of account 1 need PLANBOK_TOKEN_KEY');
  return kmsDataKeys(kmsClient(aws), tokenKeyId);
}
