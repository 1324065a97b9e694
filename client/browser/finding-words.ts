/**
 * What each finding means, for somebody who does not know the formats.
 * @module
 */
import type { FindingCode } from '../../shared/audit/verify/findings.ts';

export const findingWords: Readonly<Record<FindingCode, string>> = {
  file_missing: 'A file that every export has is not there.',
  file_unknown: 'A file that does not belong to an export is in the folder.',
  file_malformed: 'The file is not written the one way in which such a file is written.',
  key_not_attested:
    'The keys are not attested by the identity that you pinned, or belong to another organization.',
  checkpoint_malformed: 'The checkpoint is not one of this organization’s log.',
  log_signature_invalid: 'The node’s signature on the checkpoint does not hold.',
  cosignature_invalid: 'The other node did not cosign this checkpoint.',
  size_mismatch: 'Records are missing, or there are too many.',
  root_mismatch: 'At least one record is not what was signed.',
  record_malformed: 'A line of the file is not a record.',
  record_of_another_log: 'The record belongs to another log.',
  record_repeated: 'The same record stands in the log twice.',
  log_went_back: 'The log is shorter than when you kept its checkpoint.',
  history_rewritten: 'The log is not the continuation of the one whose checkpoint you kept.',
  promise_invalid: 'This is not a promise of the node.',
  promise_broken: 'The node promised a record, and it is not in the log.',
  commitment_mismatch: 'What the record is said to hide is something else.',
  effect_without_intent: 'Something took effect that was not announced before in this log.',
  effect_without_peer: 'Something took effect at one node, and the other node’s log knows nothing of it.',
};
