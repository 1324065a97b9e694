/**
 * What Node 2 stores between D2 and D3 of a key generation: one item, sealed by the store and removed when it is
 * read. Version, key types, then the fields of their layout.
 * @module
 */
import { type Bytes, concat, u8 } from '../bytes.ts';
import { Abort } from '../errors.ts';
import { keyTypeOrder } from './context.ts';
import { type KeyTypes, p2StateLayout } from './dkg-messages.ts';
import { decodeMessage, encodeMessage, type Message } from './message.ts';
import { wipe } from './wipe.ts';

/** Secret. All zero once it was used. */
export type P2State = Uint8Array & { readonly dkgState: true };

type Layout = ReturnType<typeof p2StateLayout>;
export type P2StateFields = Message<Layout> & { readonly types: KeyTypes };

const version = 1;
const maskOf = (types: KeyTypes): number =>
  keyTypeOrder.reduce((mask, type, i) => mask | (types.includes(type) ? 1 << i : 0), 0);

export function encodeState(
  types: KeyTypes,
  fields: { readonly [F in Layout[number] as F['name']]: Bytes },
): P2State {
  const encoded = encodeMessage(p2StateLayout(types), fields);
  const state = concat(u8(version), u8(maskOf(types)), encoded);
  wipe(encoded);
  return state as P2State;
}

/**
 * Moves the fields out of the state, which is zeroed.
 *
 * @throws {Abort} `E_USED` if it was used before, `E_STATE` if it is not a state
 */
export function takeState(state: P2State): P2StateFields {
  if (state.length > 0 && state.every((b) => b === 0))
    throw new Abort('E_USED', 'this session was used before');
  const [first, mask = 0] = state;
  const types = keyTypeOrder.filter((_, i) => (mask & (1 << i)) !== 0);
  if (first !== version || types.length === 0 || maskOf(types) !== mask)
    throw new Abort('E_STATE', 'not a state of key generation');
  try {
    return { types, ...decodeMessage(p2StateLayout(types), state.subarray(2)) };
  } catch {
    throw new Abort('E_STATE', 'not a state of key generation');
  } finally {
    wipe(state);
  }
}
