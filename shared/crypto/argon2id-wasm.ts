/**
 * Argon2id in WebAssembly (hash-wasm): in Node, in a page, and, so that a page stays responsive, in its worker.
 * @module
 */
import { argon2id } from 'hash-wasm';
import type { Argon2id } from './argon2id.ts';

export const wasmArgon2id: Argon2id = (password, salt, { memoryKiB, passes, lanes }) =>
  argon2id({
    password,
    salt,
    memorySize: memoryKiB,
    iterations: passes,
    parallelism: lanes,
    hashLength: 32,
    outputType: 'binary',
  });
