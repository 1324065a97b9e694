// Constant-time arithmetic of the two-party ECDSA (shared/mpc/arithmetic.ts describes the operations).
//
// Memory: constants below 4096, working memory 4096..8191, then what the host passes in and out. The host
// clears everything from 4096 on after every call.
export { combine, transpose } from './bits';
export { add, inverse, mul, reduceBlocks, sub } from './field';
export { shakeRows } from './keccak';
export { foldRows, maskRows, openRows, sumSelected } from './rows';
