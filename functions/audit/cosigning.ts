/**
 * A log asks the other node to cosign its newest checkpoint, and believes it when it has seen more: a witness
 * that holds a larger checkpoint under this log's own signature proves that this log was put back.
 * @module
 */
import { cosignedAt, openCheckpoint, withLine } from '#shared/audit/checkpoint.ts';
import { type NoteSigner, parseNote } from '#shared/audit/note.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Clock, Log } from '../ports.ts';
import type { AuditStore } from '../stores/audit.ts';
import type { WitnessPort, WriteOnce } from './ports.ts';
import type { LogReader } from './proofs.ts';

interface Ports {
  readonly store: AuditStore;
  readonly files: WriteOnce;
  readonly signer: (log: string) => Promise<NoteSigner>;
  readonly clock: Clock;
  readonly log: Log;
}

/** Sizes that the witness may correct before the next time. */
const corrections = 3;

/**
 * True if the newest checkpoint is cosigned. A witness that does not answer is a warning; one that has seen a
 * fork or more than there is stops the log.
 * @throws {CustodyError} `audit_unavailable` if the log is stopped
 */
export async function requestCosignature(
  ports: Ports,
  reader: LogReader,
  witness: WitnessPort,
  log: string,
): Promise<boolean> {
  const { store, files } = ports;
  let oldSize = (await store.cosigned(log))?.size ?? 0;
  if (oldSize > ((await store.head(log))?.size ?? 0)) return stop(ports, log, 'rolled_back');
  for (let tries = 0; tries < corrections; tries++) {
    const head = await store.head(log);
    if (head === undefined) return false;
    if (oldSize > head.size) break;
    const proof = oldSize === 0 ? [] : await reader.consistency(log, head, oldSize, head.size);
    const answer = await witness
      .ask(log, { oldSize, proof, checkpoint: head.note })
      .catch((error: unknown) => {
        ports.log.warn('checkpoint not cosigned', {
          log,
          reason: error instanceof Error ? error.message : '',
        });
        return undefined;
      });
    if (answer === undefined) return false;
    switch (answer.state) {
      case 'cosigned': {
        const note = withLine(head.note, answer.line);
        if (cosignedAt(parseNote(note), await witness.key()) === undefined) {
          ports.log.alarm('cosignature does not verify', { log });
          return false;
        }
        await files.put(`${log}/cosigned/${head.size}`, note);
        await store.keepCosigned(log, head.size, note);
        return true;
      }
      case 'conflict':
        oldSize = answer.size;
        break;
      case 'behind': {
        const { name, publicKey } = await ports.signer(log);
        const seen = openCheckpoint(answer.seen, { name, publicKey });
        // Another sequencer may have been faster with a larger one: then this log has it too.
        const now = await store.head(log);
        if (seen.size > (now?.size ?? 0)) return stop(ports, log, 'rolled_back');
        oldSize = seen.size;
        break;
      }
      case 'refused':
        return stop(ports, log, 'refused_by_witness');
    }
  }
  return false;
}

async function stop({ store, clock, log: alarms }: Ports, log: string, reason: string): Promise<never> {
  await store.stop(log, reason, clock());
  alarms.alarm('audit log stopped', { log, reason });
  throw new CustodyError('audit_unavailable', `the log is stopped: ${reason}`);
}
