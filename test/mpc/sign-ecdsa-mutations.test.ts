/**
 * Every check of the ECDSA protocol, taken out one at a time: the other tests must notice. Slow, so that it
 * runs only with SLOW=1: each mutant is a copy of the sources with a test run of its own.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const slow = process.env['SLOW'] === '1';

/** File under shared/mpc, a piece of text that stands there once, and what takes its place. */
const mutants: readonly (readonly [name: string, file: string, from: string, to: string])[] = [
  [
    'S1 may be for another request',
    'sign-ecdsa.ts',
    'if (!equalBytes(bind, bindRequest(share, request)))\n    throw',
    'if (false)\n    throw',
  ],
  ['S2 may be for another session', 'sign-ecdsa.ts', '!equalBytes(message.ssid, ssid) ||', ''],
  [
    'the request may change after S1',
    'sign-ecdsa.ts',
    ' || !equalBytes(bind, bindRequest(share, request)))',
    ')',
  ],
  ['the stored com1 is not compared', 'sign-ecdsa.ts', '!equalBytes(first.com1, com1) ||', ''],
  [
    'S3 may be for another session',
    'sign-ecdsa.ts',
    "if (!equalBytes(raw.tr, tr)) throw new Abort('E_REQ', 'the third",
    "if (false) throw new Abort('E_REQ', 'the third",
  ],
  [
    'S4 may be for another session',
    'sign-ecdsa.ts',
    "if (!equalBytes(raw.tr, tr)) throw new Abort('E_REQ', 'the fourth",
    "if (false) throw new Abort('E_REQ', 'the fourth",
  ],
  ['S3 is not validated', 'sign-ecdsa.ts', 'validate(s3Layout, raw)', 'raw'],
  ['S4 is not validated', 'sign-ecdsa.ts', 'validate(s4Layout, raw)', 'raw'],
  [
    'com1 need not open',
    'sign-ecdsa.ts',
    'const opens = equalBytes(com1, commit1(bind, first.n1, message.R, message.rho))',
    'const opens = true',
  ],
  [
    'com2 need not open',
    'sign-ecdsa.ts',
    'const opens = equalBytes(com2, commit2(bind, S1, n2, message.R, message.rho))',
    'const opens = true',
  ],
  [
    'pk need not add up',
    'sign-ecdsa-round2.ts',
    'if (!sumsEqualPublic([peer.pk, own.pk], [Q]))',
    'if (false)',
  ],
  [
    'R may be the identity',
    'sign-ecdsa-round2.ts',
    "if (R === null) throw new Abort('E_MSG', 'the nonces cancel out');",
    'if (R === null) return { R: own.R, r: own.R as never };',
  ],
  [
    'Γ^u is not checked',
    'sign-ecdsa-round2.ts',
    'sumsEqualPublic(maskedSummands(chi, peer.R, random), shifted(peer.GammaU, d[0]))',
    'true',
  ],
  [
    'Γ^v is not checked',
    'sign-ecdsa-round2.ts',
    'sumsEqualPublic(maskedSummands(chi, peer.pk, random), shifted(peer.GammaV, d[1]))',
    'true',
  ],
  ['the identity counts as equal', 'secp256k1.ts', 'return !sum.is0() && sum', 'return sum'],
  ['the extension is not checked', 'ot-extension.ts', 'if (difference !== 0)', 'if (false)'],
  [
    'the check of the extension skips x̃',
    'ot-extension.ts',
    '(tTilde[16 * b + i] as number) ^ (mask & (delta[i] as number))',
    '(tTilde[16 * b + i] as number)',
  ],
  ['the multiplication is not checked', 'vole.ts', 'if (!timingSafeEqual(expected, mu))', 'if (false)'],
  ['θ does not depend on Ã', 'vole.ts', '[tr, u8(direction), A], 48 * 4', '[tr, u8(direction)], 48 * 4'],
  [
    'the signature is not verified',
    'sign-ecdsa-signature.ts',
    'if (!verifiesAndRecovers(',
    'if (false && !verifiesAndRecovers(',
  ],
  ['s may be high', 'sign-ecdsa-signature.ts', 'const flipped = isHigh(high)', 'const flipped = false'],
  [
    'the recovery id forgets the flip',
    'sign-ecdsa-signature.ts',
    'isOdd(R) !== flipped',
    'isOdd(R) !== false',
  ],
  ['a session may be used twice', 'once.ts', 'left = null;', ''],
  ['the state is not bound to its owner', 'sign-ecdsa-state.ts', '    reqId,\n', ''],
  ['the state is not authenticated', 'sign-ecdsa-state.ts', 'decipher.final();', ''],
  [
    'a message may be too long',
    'layout.ts',
    'message.length !== lengthOf(layout)',
    'message.length < lengthOf(layout)',
  ],
  ['a point may be anything', 'layout.ts', "if (kind === 'point') decodePoint(value);\n    else if", 'if'],
  ['a scalar may be q', 'secp256k1.ts', '|| !allBelowOrder(b)', ''],
  ['scalars may be q', 'layout.ts', '&& !allBelowOrder(value)', '&& false'],
  [
    'the hedge ignores its seed',
    'sign-ecdsa-messages.ts',
    '[utf8(label), seed, fresh, data]',
    '[utf8(label), fresh, data]',
  ],
  [
    'the hedge ignores its data',
    'sign-ecdsa-messages.ts',
    '[utf8(label), seed, fresh, data]',
    '[utf8(label), seed, fresh]',
  ],
  [
    'the direction is in no pad',
    'kernel/kernel.ts',
    "const fields = [id, u8(direction), 'number', { secret: 16 }]",
    "const fields = [id, u8(0), 'number', { secret: 16 }]",
  ],
  ['secrets are not wiped', 'wipe.ts', 'for (const b of secrets) b.fill(0);', ''],
  ['the kernel leaves its memory', 'kernel/kernel.ts', 'memory.fill(0, WORKING, end);', ''],
];

const root = fileURLToPath(new URL('../..', import.meta.url));
const suites = [
  'sign-ecdsa',
  'sign-ecdsa-deviations',
  'sign-ecdsa-vectors',
  'vole',
  'ot-extension',
  'secp256k1',
  'kernel',
];

test('every mutant stands where the list says, once', () => {
  const missing = mutants.filter(
    ([, file, from]) => readFileSync(join(root, 'shared/mpc', file), 'utf8').split(from).length !== 2,
  );
  expect(missing.map(([name]) => name)).toEqual([]);
});

(slow ? describe : describe.skip)('a mutant does not survive', () => {
  let copy = '';
  const passes = (): boolean => {
    try {
      const bin = join(root, 'node_modules/jest/bin/jest.js');
      const options = ['--bail', '--silent', '--rootDir', copy, '--runInBand'];
      execFileSync(process.execPath, ['--experimental-vm-modules', bin, ...options], {
        cwd: copy,
        stdio: 'ignore',
        env: { ...process.env, SLOW: '', NODE_OPTIONS: '' },
      });
      return true;
    } catch {
      return false;
    }
  };

  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'mutants-'));
    for (const name of ['shared', 'package.json', 'jest.config.ts', 'tsconfig.json'])
      cpSync(join(root, name), join(copy, name), { recursive: true });
    for (const name of ['test/support', 'test/vectors/ecdsa-dkls23-session.json'])
      cpSync(join(root, name), join(copy, name), { recursive: true });
    for (const suite of suites)
      cpSync(join(root, `test/mpc/${suite}.test.ts`), join(copy, `test/mpc/${suite}.test.ts`));
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  });
  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  test('the sources as they are pass', () => expect(passes()).toBe(true), 120_000);

  test.each(mutants)(
    '%s',
    (_, file, from, to) => {
      const path = join(copy, 'shared/mpc', file);
      const source = readFileSync(path, 'utf8');
      writeFileSync(
        path,
        source.replace(from, () => to),
      );
      try {
        expect(passes()).toBe(false);
      } finally {
        writeFileSync(path, source);
      }
    },
    120_000,
  );
});
