/**
 * Node 2's state between D2 and D3 of a key generation.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import type { KeyTypes } from './context.ts';
import { p2StateLayout } from './dkg-messages.ts';
import type { Message } from './message.ts';
import { encodeP2State, stateFormats, takeP2State } from './p2-state.ts';

/** Secret. All zero once it was used. */
export type P2State = Uint8Array & { readonly dkgState: true };

type Layout = ReturnType<typeof p2StateLayout>;
export type P2StateFields = Message<Layout> & { readonly types: KeyTypes };

export const encodeState = (
  types: KeyTypes,
  fields: { readonly [F in Layout[number] as F['name']]: Bytes },
): P2State => encodeP2State(stateFormats.keyGeneration, types, p2StateLayout(types), fields) as P2State;

/** Moves the fields out of the state, which is zeroed. @throws {Abort} `E_USED`, `E_STATE` */
export const takeState = (state: P2State): P2StateFields =>
  takeP2State(stateFormats.keyGeneration, p2StateLayout, state);
