/**
 * What can be wrong with an export. Part of the verifier: noble and nothing else.
 * @module
 */

export type FindingCode =
  /** A file is not there, is not one of an export, or is not written as it must be. */
  | 'file_missing'
  | 'file_unknown'
  | 'file_malformed'
  /** A key is not that of the pinned identity. */
  | 'key_not_attested'
  | 'checkpoint_malformed'
  | 'log_signature_invalid'
  | 'cosignature_invalid'
  /** The records are not those of the checkpoint. */
  | 'size_mismatch'
  | 'root_mismatch'
  | 'record_malformed'
  | 'record_of_another_log'
  | 'record_repeated'
  /** The log is not the continuation of the checkpoint that the caller kept. */
  | 'log_went_back'
  | 'history_rewritten'
  | 'promise_invalid'
  | 'promise_broken'
  | 'commitment_mismatch'
  /** An effect that names an intent which is not one of this operation in the same log. */
  | 'effect_without_intent'
  /** An effect in one log of which the other node's log knows nothing. */
  | 'effect_without_peer';

export interface Finding {
  readonly code: FindingCode;
  readonly file: string;
  readonly detail: string;
}

/** What is wrong, if a check has a better code than its own. */
export class Flaw extends Error {
  override readonly name = 'Flaw';
  readonly code: FindingCode;
  constructor(code: FindingCode, message: string) {
    super(message);
    this.code = code;
  }
}

export interface Report {
  readonly findings: readonly Finding[];
  find(code: FindingCode, file: string, detail: string): void;
  /** Runs a check: what it throws is a finding, and undefined comes back. */
  check<T>(code: FindingCode, file: string, run: () => T | Promise<T>): Promise<T | undefined>;
}

/** More are not kept. */
const most = 100;

export function newReport(): Report {
  const findings: Finding[] = [];
  const find = (code: FindingCode, file: string, detail: string): void => {
    if (findings.length < most) findings.push({ code, file, detail });
  };
  return {
    findings,
    find,
    async check(code, file, run) {
      try {
        return await run();
      } catch (error) {
        const detail = error instanceof Error ? error.message : 'failed';
        find(error instanceof Flaw ? error.code : code, file, detail);
        return undefined;
      }
    },
  };
}
