/**
 * Calldata of the token standards as effects: ERC-20, ERC-721, ERC-1155. A selector says what a contract that
 * keeps the standard would do; the contract itself is not looked at. Everything else is a `call` with its
 * selector and the hash of the data.
 * @module
 */
import type { Abi, Hex } from 'viem';
import { decodeFunctionData, encodeFunctionData, parseAbi } from 'viem/utils';
import { fromHex } from '../bytes.ts';
import type { ChainInfo } from './chains.ts';
import { checksummed } from './evm-address.ts';
import { dataHash, type Effect } from './intent.ts';

const abi: Abi = parseAbi([
  'function transfer(address to, uint256 amount)',
  'function transferFrom(address from, address to, uint256 amountOrId)',
  'function approve(address spender, uint256 amountOrId)',
  'function increaseAllowance(address spender, uint256 amount)',
  'function setApprovalForAll(address operator, bool approved)',
  'function safeTransferFrom(address from, address to, uint256 id)',
  'function safeTransferFrom(address from, address to, uint256 id, bytes data)',
  'function safeTransferFrom(address from, address to, uint256 id, uint256 amount, bytes data)',
  'function safeBatchTransferFrom(address from, address to, uint256[] ids, uint256[] amounts, bytes data)',
]);

const maxUint256 = 2n ** 256n - 1n;
export const amountText = (amount: bigint, unlimited = maxUint256): string =>
  amount >= unlimited ? 'unlimited' : amount.toString();

/** CAIP-19 name of a token contract whose standard is known only from the selector. */
export const tokenAsset = (chain: ChainInfo, standard: string, contract: string): string =>
  `${chain.caip2}/${standard}:${checksummed(contract.slice(2))}`;

const unknownCall = (to: string, data: Hex): Effect => ({
  type: 'call',
  to: checksummed(to.slice(2)),
  details: {
    selector: data.length >= 10 ? data.slice(0, 10) : data,
    dataHash: dataHash(fromHex(data.slice(2))),
    dataBytes: String((data.length - 2) / 2),
  },
});

/** @param from the wallet. @param data not empty. */
export function callEffects(chain: ChainInfo, from: string, to: string, data: Hex): readonly Effect[] {
  let name: string;
  let args: readonly unknown[];
  try {
    const call = decodeFunctionData({ abi, data });
    name = call.functionName;
    args = call.args ?? [];
    // Trailing bytes, dirty padding, odd offsets: a contract may read them in another way than we do.
    if (encodeFunctionData({ abi, functionName: name, args }) !== data) return [unknownCall(to, data)];
  } catch {
    return [unknownCall(to, data)];
  }
  const asset = (standard: string): string => tokenAsset(chain, standard, to);
  const text = (i: number): string => String(args[i]);
  const number = (i: number): bigint => BigInt(text(i));
  switch (name) {
    case 'transfer':
      return [
        {
          type: 'transfer',
          from,
          to: text(0),
          asset: asset('erc20'),
          amount: text(1),
          details: { method: name },
        },
      ];
    case 'transferFrom':
      // The selector is shared: the number is an amount on ERC-20 and a token id on ERC-721.
      return [
        {
          type: 'transfer',
          from: text(0),
          to: text(1),
          asset: asset('erc20'),
          amount: text(2),
          details: { method: name, standard: 'erc20 or erc721' },
        },
      ];
    case 'approve':
    case 'increaseAllowance':
      return [
        {
          type: 'approve',
          from,
          to: text(0),
          asset: asset('erc20'),
          amount: amountText(number(1)),
          // As with transferFrom, the selector of approve is shared.
          details: { method: name, ...(name === 'approve' && { standard: 'erc20 or erc721' }) },
        },
      ];
    case 'setApprovalForAll':
      return [
        {
          type: 'approve',
          from,
          to: text(0),
          asset: asset('erc721'),
          amount: args[1] === true ? 'unlimited' : '0',
          details: { method: name, standard: 'erc721 or erc1155' },
        },
      ];
    case 'safeTransferFrom':
    case 'safeBatchTransferFrom':
      return nftEffects(asset, name, args);
    default:
      return [unknownCall(to, data)];
  }
}

function nftEffects(
  asset: (standard: string) => string,
  method: string,
  args: readonly unknown[],
): readonly Effect[] {
  const from = String(args[0]);
  const to = String(args[1]);
  const one = (standard: string, id: unknown, amount: unknown): Effect => ({
    type: 'transfer',
    from,
    to,
    asset: `${asset(standard)}/${String(id)}`,
    amount: String(amount),
    details: { method },
  });
  if (method === 'safeTransferFrom')
    return [args.length === 5 ? one('erc1155', args[2], args[3]) : one('erc721', args[2], 1)];
  const ids = Array.isArray(args[2]) ? args[2] : [];
  const amounts = Array.isArray(args[3]) ? args[3] : [];
  // Unequal lists are reverted by the standard; show all that is there.
  return Array.from({ length: Math.max(ids.length, amounts.length) }, (_, i) =>
    one('erc1155', ids[i] ?? 'none', amounts[i] ?? 0n),
  );
}
