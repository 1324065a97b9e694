// Constant-time arithmetic of the two-party ECDSA (shared/mpc/arithmetic.ts describes the operations).
//
// Memory: constants below 4096, working memory 4096..8191, then what the host passes in and out. The host
// clears everything from 4096 on after every call.
export { combine, transpose } from './bits';
export { add, foldRows, inverse, maskRows, mul, openRows, reduceBlocks, sub, sumSelected } from './field';
export { shakeRows } from './keccak';
