/**
 * What Node 2 stores between two messages of key generation or refresh: one item, sealed by the store and
 * removed when it is read. Format, key types, then the fields of their layout.
 * @module
 */
import { type Bytes, concat, u8 } from '../bytes.ts';
import { Abort } from '../errors.ts';
import { type KeyTypes, keyTypeOrder } from './context.ts';
import { decodeMessage, encodeMessage, type Message, type MessageLayout } from './message.ts';
import { wipe } from './wipe.ts';

/** The first byte: which protocol, in which version. A state of one is none of the other. */
export const stateFormats = { keyGeneration: 1, refresh: 2 } as const;

const maskOf = (types: KeyTypes): number =>
  keyTypeOrder.reduce((mask, type, i) => mask | (types.includes(type) ? 1 << i : 0), 0);

/** Secret. The caller brands it. */
export function encodeP2State<L extends MessageLayout>(
  format: number,
  types: KeyTypes,
  layout: L,
  fields: { readonly [F in L[number] as F['name']]: Bytes },
): Bytes {
  const encoded = encodeMessage(layout, fields);
  const state = concat(u8(format), u8(maskOf(types)), encoded);
  wipe(encoded);
  return state;
}

/**
 * Moves the fields out of the state, which is zeroed.
 *
 * @throws {Abort} `E_USED` if it was used before, `E_STATE` if it is not a state of this format
 */
export function takeP2State<L extends MessageLayout>(
  format: number,
  layoutOf: (types: KeyTypes) => L,
  state: Bytes,
): Message<L> & { readonly types: KeyTypes } {
  if (state.length > 0 && state.every((b) => b === 0))
    throw new Abort('E_USED', 'this session was used before');
  const [first, mask = 0] = state;
  const types = keyTypeOrder.filter((_, i) => (mask & (1 << i)) !== 0);
  if (first !== format || types.length === 0 || maskOf(types) !== mask)
    throw new Abort('E_STATE', 'not a state of this protocol');
  try {
    return { types, ...decodeMessage(layoutOf(types), state.subarray(2)) };
  } catch {
    throw new Abort('E_STATE', 'not a state of this protocol');
  } finally {
    wipe(state);
  }
}
