/**
 * Node 2's state between F2 and F3 of a refresh. It holds no share: those are read again.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import type { KeyTypes } from './context.ts';
import type { Message } from './message.ts';
import { encodeP2State, stateFormats, takeP2State } from './p2-state.ts';
import { f2StateLayout } from './refresh-messages.ts';

/** Secret. All zero once it was used. */
export type RefreshState = Uint8Array & { readonly refreshState: true };

type Layout = ReturnType<typeof f2StateLayout>;

export const encodeState = (
  types: KeyTypes,
  fields: { readonly [F in Layout[number] as F['name']]: Bytes },
): RefreshState => encodeP2State(stateFormats.refresh, types, f2StateLayout(types), fields) as RefreshState;

/** Moves the fields out of the state, which is zeroed. @throws {Abort} `E_USED`, `E_STATE` */
export const takeState = (state: RefreshState): Message<Layout> & { readonly types: KeyTypes } =>
  takeP2State(stateFormats.refresh, f2StateLayout, state);
