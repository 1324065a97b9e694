/** @jest-config-loader esbuild-register */
import type { Config } from 'jest';

export default {
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // A machine that is busy with something else is no failure.
  testTimeout: 60_000,
  // Before any module of @peculiar: jest on Node 24 loads CommonJS in another order than Node itself.
  setupFiles: ['reflect-metadata'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2023', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
} satisfies Config;
