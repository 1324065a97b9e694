/**
 * Instructions of the programs that everybody uses, as effects: System, SPL Token and Token-2022, Associated
 * Token Account, Compute Budget, Memo. Everything else is a `call` with the program and the hash of the data.
 * @module
 */
import { base58 } from '@scure/base';
import type { Bytes } from '../bytes.ts';
import { toHex } from '../bytes.ts';
import { type ChainInfo, nativeAsset } from './chains.ts';
import { escapeText } from './display.ts';
import { dataHash, type Effect } from './intent.ts';

export const programs = {
  system: '11111111111111111111111111111111',
  token: 'TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA',
  token2022: 'TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb',
  associatedToken: 'ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL',
  computeBudget: 'ComputeBudget111111111111111111111111111111',
  memo: 'MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr',
  memo1: 'Memo1UhkJRfHyvLMcVucJwxXeuD728EqVDDwQDxFMNo',
} as const;

/** One instruction with its accounts spelled out; an account from a lookup table is `lookup:<table>#<n>`. */
export interface Instruction {
  readonly program: string;
  readonly accounts: readonly string[];
  readonly data: Bytes;
}

const view = (b: Bytes): DataView => new DataView(b.buffer, b.byteOffset, b.byteLength);
const u32 = (b: Bytes, at: number): number => view(b).getUint32(at, true);
const u64 = (b: Bytes, at: number): bigint => view(b).getBigUint64(at, true);
const u64Max = 2n ** 64n - 1n;

/** @returns undefined if the instruction is not one that is read here: then it is a call. */
function systemEffects(chain: ChainInfo, { accounts, data }: Instruction): readonly Effect[] | undefined {
  const [first = '', second = ''] = accounts;
  const asset = nativeAsset(chain);
  const tag = data.length >= 4 ? u32(data, 0) : -1;
  if (tag === 2 && data.length === 12 && accounts.length >= 2)
    return [{ type: 'transfer', from: first, to: second, asset, amount: u64(data, 4).toString() }];
  if (tag === 0 && data.length === 52 && accounts.length >= 2)
    return [
      { type: 'transfer', from: first, to: second, asset, amount: u64(data, 4).toString() },
      {
        type: 'account',
        to: second,
        details: { action: 'create', owner: base58.encode(data.slice(20, 52)) },
      },
    ];
  if (tag === 1 && data.length === 36 && accounts.length >= 1)
    return [
      {
        type: 'account',
        to: first,
        details: { action: 'give to program', owner: base58.encode(data.slice(4, 36)) },
      },
    ];
  if (tag === 4 && data.length === 4 && accounts.length >= 3)
    return [
      {
        type: 'warning',
        details: {
          reason: 'Uses a durable nonce: the signed transaction does not expire',
          nonceAccount: first,
        },
      },
    ];
  return undefined;
}

function tokenEffects(
  chain: ChainInfo,
  { accounts, data, program }: Instruction,
): readonly Effect[] | undefined {
  const [a = '', b = '', c = '', d = ''] = accounts;
  const standard = { program: program === programs.token ? 'spl-token' : 'token-2022' };
  const asset = (mint: string): string => `${chain.caip2}/token:${mint}`;
  const amount = (): string => u64(data, 1).toString();
  const allowance = (): string => (u64(data, 1) === u64Max ? 'unlimited' : amount());
  switch (data[0]) {
    case 3: // Transfer: source, destination, authority. The mint is not named.
      if (data.length !== 9 || accounts.length < 3) return undefined;
      return [
        {
          type: 'transfer',
          from: a,
          to: b,
          asset: 'unknown',
          amount: amount(),
          details: { ...standard, authority: c },
        },
      ];
    case 12: // TransferChecked: source, mint, destination, authority.
      if (data.length !== 10 || accounts.length < 4) return undefined;
      return [
        {
          type: 'transfer',
          from: a,
          to: c,
          asset: asset(b),
          amount: amount(),
          details: { ...standard, authority: d, decimals: String(data[9]) },
        },
      ];
    case 4: // Approve: source, delegate, owner.
      if (data.length !== 9 || accounts.length < 3) return undefined;
      return [
        {
          type: 'approve',
          from: a,
          to: b,
          asset: 'unknown',
          amount: allowance(),
          details: { ...standard, authority: c },
        },
      ];
    case 13: // ApproveChecked: source, mint, delegate, owner.
      if (data.length !== 10 || accounts.length < 4) return undefined;
      return [
        {
          type: 'approve',
          from: a,
          to: c,
          asset: asset(b),
          amount: allowance(),
          details: { ...standard, authority: d, decimals: String(data[9]) },
        },
      ];
    case 9: // CloseAccount: account, destination of its lamports, owner.
      if (data.length !== 1 || accounts.length < 3) return undefined;
      return [
        { type: 'account', to: a, details: { ...standard, action: 'close', lamportsTo: b, authority: c } },
      ];
    default:
      return undefined;
  }
}

function associatedTokenEffects(
  chain: ChainInfo,
  { accounts, data }: Instruction,
): readonly Effect[] | undefined {
  if (data.length > 1 || (data[0] ?? 0) > 1 || accounts.length < 6) return undefined;
  const [payer = '', account = '', owner = '', mint = ''] = accounts;
  return [
    {
      type: 'account',
      from: payer,
      to: account,
      asset: `${chain.caip2}/token:${mint}`,
      details: { action: 'create token account', owner, rent: 'paid by the payer' },
    },
  ];
}

function memoEffects({ data }: Instruction): readonly Effect[] {
  let text: string;
  try {
    text = escapeText(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data));
  } catch {
    text = `0x${toHex(data)}`;
  }
  return [{ type: 'note', details: { memo: text } }];
}

const callEffect = ({ program, accounts, data }: Instruction): Effect => ({
  type: 'call',
  to: program,
  details: { dataHash: dataHash(data), dataBytes: String(data.length), accounts: accounts.join(' ') },
});

/** The compute budget has no effect of its own: `computeBudget` reads it for the fee. */
export function instructionEffects(chain: ChainInfo, instruction: Instruction): readonly Effect[] {
  const read = (): readonly Effect[] | undefined => {
    switch (instruction.program) {
      case programs.system:
        return systemEffects(chain, instruction);
      case programs.token:
      case programs.token2022:
        return tokenEffects(chain, instruction);
      case programs.associatedToken:
        return associatedTokenEffects(chain, instruction);
      case programs.memo:
      case programs.memo1:
        return memoEffects(instruction);
      case programs.computeBudget:
        return isBudget(instruction) ? [] : undefined;
      default:
        return undefined;
    }
  };
  const effects = read() ?? [callEffect(instruction)];
  const hiding = instruction.accounts.filter((account) => account.startsWith('lookup:')).length;
  if (hiding === 0) return effects;
  return effects.map((effect) => ({
    ...effect,
    details: { ...effect.details, unresolved: `${hiding} accounts come from lookup tables` },
  }));
}

const budgetLengths: Readonly<Record<number, number>> = { 1: 5, 2: 5, 3: 9, 4: 5 };
const isBudget = ({ data }: Instruction): boolean => budgetLengths[data[0] ?? 0] === data.length;

/** Most that the priority fee can be, in lamports: ceil(price in micro-lamports x units / 10^6). */
export function priorityFee(instructions: readonly Instruction[]): bigint {
  const budget = instructions.filter((i) => i.program === programs.computeBudget && isBudget(i));
  const limit = budget.find(({ data }) => data[0] === 2);
  const price = budget.find(({ data }) => data[0] === 3);
  const others = instructions.length - budget.length;
  // Agave's default is 200,000 units for each instruction; nothing gets more than 1,400,000.
  const units = Math.min(limit === undefined ? 200_000 * others : u32(limit.data, 1), 1_400_000);
  if (price === undefined) return 0n;
  return (u64(price.data, 1) * BigInt(units) + 999_999n) / 1_000_000n;
}
