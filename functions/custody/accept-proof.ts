/**
 * What a proof does at Node 2: it puts the pending key that it names into use, or forgives tries under the key
 * in use.
 * @module
 */
import type { ProvenEvaluation } from '#shared/custody/evaluation-proof.ts';
import type { Attempts } from './attempts.ts';
import type { VoprfKeys } from './voprf-keys.ts';

/**
 * `confirmed`: the key is in use, and the one before is destroyed, by this call or by the same proof before.
 * `proven`: tries are forgiven. `nothing`: the proof was used before, or names nothing that is known.
 * @throws {CustodyError} `storage_unavailable`: it may have happened; sending the proof again is safe
 */
export async function acceptProof(
  { keys, attempts }: { readonly keys: VoprfKeys; readonly attempts: Attempts },
  proof: ProvenEvaluation,
): Promise<'confirmed' | 'proven' | 'nothing'> {
  if (await keys.confirm(proof)) {
    // Two records, in this order: a crash between them leaves tries that are not forgiven, which is safe, and
    // the proof, sent again, comes here again.
    if (proof.use === 'pin') await attempts.startOver(proof);
    return 'confirmed';
  }
  return (await attempts.prove(proof)) ? 'proven' : 'nothing';
}
