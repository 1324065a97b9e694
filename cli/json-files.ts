/**
 * Documents in files: policies and approvals.
 * @module
 */
import { parseApproval, type SignedApproval } from '../shared/policy/approval.ts';
import { parseJson } from '../shared/wire/json.ts';
import { type Context, listOf, UsageError } from './command.ts';

/** A JSON object in a file; `-` is standard input. @throws {UsageError} */
export async function readJsonFile({ io }: Context, path: string): Promise<object> {
  const bytes = await (path === '-' ? io.readStdin() : io.readFile(path)).catch((cause: unknown) => {
    throw new UsageError(`${path} cannot be read`, { cause });
  });
  try {
    const json = parseJson(bytes, 1_048_576);
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json;
  } catch (cause) {
    throw new UsageError(`${path} is not JSON`, { cause });
  }
  throw new UsageError(`${path} is not a JSON object`);
}

/** The files that `--approval` names, or undefined if it is absent. @throws {UsageError} */
export async function readApprovals(context: Context): Promise<readonly SignedApproval[] | undefined> {
  if (context.values['approval'] === undefined) return undefined;
  if (context.values['idempotency-key'] === undefined)
    throw new UsageError('--approval needs the --idempotency-key that was approved');
  const read = async (path: string): Promise<SignedApproval> => {
    const json = await readJsonFile(context, path);
    try {
      return parseApproval(json);
    } catch (cause) {
      throw new UsageError(`${path} is not an approval, as planbok approve writes it`, { cause });
    }
  };
  return Promise.all(listOf(context, 'approval').map(read));
}
