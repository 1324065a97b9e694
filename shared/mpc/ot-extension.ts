/**
 * Correlated oblivious-transfer extension: from 128 long-lived base transfers, 512 fresh correlations
 * q_j = t_j ⊕ x_j·Δ per signature. The receiver holds x and t, the sender Δ and q.
 *
 *   extendAsReceiver  --U, x̃, t̃-->  extendAsSender
 *
 * Source: Roy, "SoftSpokenOT", CRYPTO 2022, for k = 1, with the consistency check made non-interactive by
 * hashing (docs/protocol.md). Δ is long-lived: a failed check tells the receiver one predicate of it, so the
 * sender's node locks the key (`E_OT`).
 * @module
 */
import { type Bytes, u8 } from '../bytes.ts';
import { Abort } from '../errors.ts';
import { type Arithmetic, type Direction, LAMBDA_C, ROW_BYTES, XI } from './arithmetic.ts';
import { xof } from './hash.ts';
import { kernel } from './kernel/kernel.ts';
import type { Layout, RawFields } from './layout.ts';
import { tags } from './tags.ts';
import { wipe } from './wipe.ts';

export const extensionLayout = [
  { name: 'U', length: LAMBDA_C * ROW_BYTES, kind: 'bits' },
  { name: 'xTilde', length: 16, kind: 'bits' },
  { name: 'tTilde', length: 2048, kind: 'bits' },
] as const satisfies Layout;

export type Extension = RawFields<typeof extensionLayout>;

/** Session id (32 bytes) and direction: in every hash of the extension. */
export interface ExtensionContext {
  readonly ssid: Bytes;
  readonly direction: Direction;
}

const zeros = new Uint8Array(LAMBDA_C / 8);
const ones = new Uint8Array(LAMBDA_C / 8).fill(0xff);

/** Seed b of every pair of the flat key buffer K^0_0 ‖ K^1_0 ‖ K^0_1 ‖ ...: 4,096 bytes, secret. */
function seedsOf(K: Bytes, b: 0 | 1): Bytes {
  const seeds = new Uint8Array(32 * LAMBDA_C);
  for (let i = 0; i < LAMBDA_C; i++) seeds.set(K.subarray(64 * i + 32 * b, 64 * i + 32 * b + 32), 32 * i);
  return seeds;
}

/** The public check matrix R': 128 rows of 64 bytes, fixed by U. */
const checkMatrix = ({ ssid, direction }: ExtensionContext, U: Bytes): Bytes =>
  xof(tags.oteChi, [ssid, u8(direction), U], (LAMBDA_C * XI) / 8);

/** x̃_b = ⊕_{j<512} R'_{bj}·x_j ⊕ x_{512+b}. 16 bytes. */
function combineBits(matrix: Bytes, x: Bytes): Bytes {
  const out = x.slice(XI / 8);
  for (let b = 0; b < LAMBDA_C; b++) {
    let sum = 0;
    for (let i = 0; i < XI / 8; i++) sum ^= (matrix[(XI / 8) * b + i] as number) & (x[i] as number);
    sum ^= sum >> 4;
    sum ^= sum >> 2;
    sum ^= sum >> 1;
    out[b >> 3] = (out[b >> 3] as number) ^ ((sum & 1) << (b & 7));
  }
  return out;
}

/**
 * The receiver's columns t_0..t_511, 8,192 bytes, secret: recomputed by a node that did not keep them.
 * @param K 8,192 bytes of seeds
 */
export function receiverColumns(context: ExtensionContext, K: Bytes, arithmetic: Arithmetic = kernel): Bytes {
  const seeds = seedsOf(K, 0);
  const rows = arithmetic.generatorRows({ id: context.ssid, direction: context.direction }, seeds, zeros);
  const columns = arithmetic.transpose(rows);
  const kept = columns.slice(0, 16 * XI);
  wipe(seeds, rows, columns);
  return kept;
}

/**
 * @param K 8,192 bytes of seeds  @param x 80 bytes: 512 choice bits, then 128 fresh mask bits
 * @returns columns t_0..t_511 (8,192 bytes, secret), and the message
 */
export function extendAsReceiver(
  context: ExtensionContext,
  K: Bytes,
  x: Bytes,
  arithmetic: Arithmetic = kernel,
): [columns: Bytes, message: Extension] {
  const rowContext = { id: context.ssid, direction: context.direction };
  const seeds0 = seedsOf(K, 0);
  const seeds1 = seedsOf(K, 1);
  const rows0 = arithmetic.generatorRows(rowContext, seeds0, zeros);
  const rows1 = arithmetic.generatorRows(rowContext, seeds1, ones);
  const U = new Uint8Array(LAMBDA_C * ROW_BYTES);
  for (let i = 0; i < LAMBDA_C; i++)
    for (let k = 0; k < ROW_BYTES; k++) {
      const at = ROW_BYTES * i + k;
      U[at] = (rows0[at] as number) ^ (rows1[at] as number) ^ (x[k] as number);
    }
  const matrix = checkMatrix(context, U);
  const columns = arithmetic.transpose(rows0);
  const message = { U, xTilde: combineBits(matrix, x), tTilde: arithmetic.combine(matrix, columns) };
  const kept = columns.slice(0, 16 * XI);
  wipe(seeds0, seeds1, rows0, rows1, columns);
  return [kept, message];
}

/**
 * @param delta 16 bytes  @param Kd 4,096 bytes: the seed of each pair that Δ chose
 * @returns columns q_0..q_511, 8,192 bytes, secret
 * @throws {Abort} `E_OT` if the receiver's message is inconsistent. The caller must lock the key.
 */
export function extendAsSender(
  context: ExtensionContext,
  delta: Bytes,
  Kd: Bytes,
  { U, xTilde, tTilde }: Extension,
  arithmetic: Arithmetic = kernel,
): Bytes {
  const rows = arithmetic.generatorRows({ id: context.ssid, direction: context.direction }, Kd, delta);
  for (let i = 0; i < LAMBDA_C; i++) {
    // All ones or all zeros: Δ_i chooses by a mask, never by a branch.
    const mask = -(((delta[i >> 3] as number) >> (i & 7)) & 1);
    for (let at = ROW_BYTES * i; at < ROW_BYTES * (i + 1); at++)
      rows[at] = (rows[at] as number) ^ (mask & (U[at] as number));
  }
  const columns = arithmetic.transpose(rows);
  const combined = arithmetic.combine(checkMatrix(context, U), columns);
  // For every b: ⊕R'_{bj}·q_j ⊕ q_{512+b} = t̃_b ⊕ x̃_b·Δ. One verdict over all 128, so that the abort does
  // not tell which of them failed.
  let difference = 0;
  for (let b = 0; b < LAMBDA_C; b++) {
    const mask = -(((xTilde[b >> 3] as number) >> (b & 7)) & 1);
    for (let i = 0; i < 16; i++)
      difference |=
        (combined[16 * b + i] as number) ^ (tTilde[16 * b + i] as number) ^ (mask & (delta[i] as number));
  }
  const kept = columns.slice(0, 16 * XI);
  wipe(rows, columns, combined);
  if (difference !== 0) {
    wipe(kept);
    throw new Abort('E_OT', 'the oblivious-transfer extension is inconsistent');
  }
  return kept;
}

/** q_j ⊕ Δ for every column: the keys of the pads for bit 1. Secret. */
export function shiftColumns(columns: Bytes, delta: Bytes): Bytes {
  const out = new Uint8Array(columns.length);
  for (let at = 0; at < out.length; at++) out[at] = (columns[at] as number) ^ (delta[at & 15] as number);
  return out;
}
