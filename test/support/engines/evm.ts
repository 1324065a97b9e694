/**
 * Two judges of a signed Ethereum transaction: anvil, a chain on a port of 127.0.0.1, and @ethereumjs/vm, in
 * memory, which is stricter (anvil takes signatures with high s). Both are funded alike.
 * @module
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { createCustomCommon, Hardfork, Mainnet } from '@ethereumjs/common';
import { createTxFromRLP } from '@ethereumjs/tx';
import { createAccount, createAddressFromString, hexToBytes } from '@ethereumjs/util';
import { createVM, runTx } from '@ethereumjs/vm';

type Hex = `0x${string}`;

interface EvmVerdict {
  readonly accepted: boolean;
  /** Why not, in the engine's words. */
  readonly reason: string;
}

export interface EvmEngine {
  readonly url: string;
  readonly chainId: number;
  /** One JSON-RPC call to anvil. @throws {Error} with the engine's message. */
  rpc(method: string, ...params: readonly unknown[]): Promise<unknown>;
  /** Sends to anvil and waits for the block; accepted means mined with status 1. */
  send(raw: string): Promise<EvmVerdict & { readonly hash: string }>;
  /** Runs it on @ethereumjs/vm, which keeps its own state from call to call. */
  judge(raw: string): Promise<EvmVerdict & { readonly sender: string }>;
  /** Gives an address that many wei in both engines. */
  fund(address: string, wei: bigint): Promise<void>;
  /** Puts a contract at an address in both engines. */
  deploy(address: string, code: Hex): Promise<void>;
  balance(address: string): Promise<bigint>;
  nonce(address: string): Promise<number>;
  storage(address: string, slot: Hex): Promise<string>;
  stop(): Promise<void>;
}

/** The binary itself: the wrapper in npm would leave it behind when it is killed. */
function anvilPath(): string {
  const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const wrapper = createRequire(import.meta.url).resolve('@foundry-rs/anvil/package.json');
  const manifest = createRequire(wrapper).resolve(
    `@foundry-rs/anvil-${process.platform}-${arch}/package.json`,
  );
  return join(dirname(manifest), 'bin', process.platform === 'win32' ? 'anvil.exe' : 'anvil');
}

async function startAnvil(chainId: number): Promise<{ url: string; stop(): Promise<void> }> {
  const child = spawn(
    anvilPath(),
    ['--host', '127.0.0.1', '--port', '0', '--chain-id', String(chainId), '--accounts', '0'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    },
  );
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const port = await new Promise<string>((resolve, reject) => {
    let seen = '';
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`anvil ended: ${seen}`)));
    child.stdout.on('data', (chunk: Uint8Array) => {
      seen += new TextDecoder().decode(chunk);
      const found = /Listening on 127\.0\.0\.1:(\d+)/.exec(seen)?.[1];
      if (found !== undefined) resolve(found);
    });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      process.off('exit', kill);
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function startVm(chainId: number) {
  const common = createCustomCommon({ chainId }, Mainnet, { hardfork: Hardfork.Prague });
  const vm = await createVM({ common });
  const { stateManager } = vm;
  const at = createAddressFromString;
  return {
    async fund(address: string, wei: bigint): Promise<void> {
      const { nonce = 0n } = (await stateManager.getAccount(at(address))) ?? {};
      await stateManager.putAccount(at(address), createAccount({ nonce, balance: wei }));
    },
    deploy: (address: string, code: Hex) => stateManager.putCode(at(address), hexToBytes(code)),
    async judge(raw: string): Promise<EvmVerdict & { sender: string }> {
      let sender = '';
      try {
        const tx = createTxFromRLP(hexToBytes(raw as Hex), { common });
        sender = tx.getSenderAddress().toString();
        const { execResult } = await runTx(vm, { tx });
        const { exceptionError } = execResult;
        return { accepted: exceptionError === undefined, reason: exceptionError?.error ?? '', sender };
      } catch (e) {
        return { accepted: false, reason: String(e), sender };
      }
    },
  };
}

/** @param chainId of the local chain of this product. */
export async function startEvm(chainId = 31337): Promise<EvmEngine> {
  const [anvil, vm] = await Promise.all([startAnvil(chainId), startVm(chainId)]);
  const rpc = async (method: string, ...params: readonly unknown[]): Promise<unknown> => {
    const answer = await fetch(anvil.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    const { result, error } = (await answer.json()) as { result?: unknown; error?: { message: string } };
    if (error !== undefined) throw new Error(error.message);
    return result;
  };
  /** The block follows the transaction at once, but not before the answer: on a busy machine it takes a while. */
  const mined = async (hash: string): Promise<{ readonly status: string } | null> => {
    for (let tries = 0; ; tries++) {
      const receipt = (await rpc('eth_getTransactionReceipt', hash)) as { status: string } | null;
      if (receipt !== null || tries === 100) return receipt;
      await new Promise((done) => setTimeout(done, 20));
    }
  };
  return {
    url: anvil.url,
    chainId,
    rpc,
    async send(raw) {
      try {
        const hash = String(await rpc('eth_sendRawTransaction', raw));
        const receipt = await mined(hash);
        return { accepted: receipt?.status === '0x1', reason: receipt?.status ?? 'not mined', hash };
      } catch (e) {
        return { accepted: false, reason: String(e), hash: '' };
      }
    },
    judge: vm.judge,
    async fund(address, wei) {
      await rpc('anvil_setBalance', address, `0x${wei.toString(16)}`);
      await vm.fund(address, wei);
    },
    async deploy(address, code) {
      await rpc('anvil_setCode', address, code);
      await vm.deploy(address, code);
    },
    balance: async (address) => BigInt(String(await rpc('eth_getBalance', address, 'latest'))),
    nonce: async (address) => Number(await rpc('eth_getTransactionCount', address, 'latest')),
    storage: async (address, slot) => String(await rpc('eth_getStorageAt', address, slot, 'latest')),
    stop: anvil.stop,
  };
}
