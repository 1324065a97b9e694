/**
 * A Solana runtime in memory (litesvm): fees, signatures, blockhashes and replays are checked as on the chain.
 * @module
 */

import { base64 } from '@scure/base';
import {
  address,
  appendTransactionMessageInstructions,
  type Blockhash,
  compileTransaction,
  createTransactionMessage,
  getBase64EncodedWireTransaction,
  getTransactionDecoder,
  type Instruction,
  lamports,
  pipe,
  setTransactionMessageFeePayer,
  setTransactionMessageLifetimeUsingBlockhash,
} from '@solana/kit';
import { FailedTransactionMetadata, LiteSVM } from 'litesvm';

interface SolanaEngine {
  /** @param wire base64 of the signed wire transaction. */
  send(wire: string): { readonly accepted: boolean; readonly reason: string };
  fund(to: string, amount: bigint): void;
  balance(of: string): bigint;
  blockhash(): string;
  /** Makes the latest blockhash another one, so that a transaction is new though it says the same. */
  advance(): void;
  /** Unsigned wire transaction, base64, all signatures zero. */
  build(payer: string, instructions: readonly Instruction[], version?: 'legacy' | 0): string;
}

export function startSolana(): SolanaEngine {
  const svm = new LiteSVM();
  const blockhash = () => svm.latestBlockhash();
  return {
    send(wire) {
      try {
        const result = svm.sendTransaction(getTransactionDecoder().decode(base64.decode(wire)));
        if (result instanceof FailedTransactionMetadata)
          return { accepted: false, reason: String(result.err()) };
        return { accepted: true, reason: '' };
      } catch (e) {
        return { accepted: false, reason: String(e) };
      }
    },
    fund(to, amount) {
      svm.airdrop(address(to), lamports(amount));
    },
    balance: (of) => svm.getBalance(address(of)) ?? 0n,
    blockhash,
    advance: () => svm.expireBlockhash(),
    build: (payer, instructions, version = 0) => buildSolana(payer, instructions, blockhash(), version),
  };
}

/** Unsigned wire transaction, base64, all signatures zero. */
export function buildSolana(
  payer: string,
  instructions: readonly Instruction[],
  blockhash: string,
  version: 'legacy' | 0 = 0,
): string {
  const message = pipe(
    createTransactionMessage({ version: version as 0 }),
    (m) => setTransactionMessageFeePayer(address(payer), m),
    (m) =>
      setTransactionMessageLifetimeUsingBlockhash(
        { blockhash: blockhash as Blockhash, lastValidBlockHeight: 0n },
        m,
      ),
    (m) => appendTransactionMessageInstructions([...instructions], m),
  );
  return getBase64EncodedWireTransaction(compileTransaction(message));
}
