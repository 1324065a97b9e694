/**
 * `npm run build:verify-page`: the page that verifies an audit export, as one file without any other. Its policy
 * lets run what is in it, and reaches nothing. The script is not minified, so that it can be read; the same sources
 * give the same bytes.
 * @module
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = 'client/browser';

async function bundled(): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [`${folder}/verify-page.ts`],
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: ['chrome111', 'firefox115', 'safari16.4'],
    charset: 'utf8',
    legalComments: 'inline',
    write: false,
    logLevel: 'error',
  });
  return outputFiles[0]?.text ?? '';
}

const digest = (text: string, encoding: 'base64' | 'hex'): string =>
  createHash('sha256').update(text).digest(encoding);

export interface VerifyPage {
  readonly html: string;
  /** Of the file, hex. */
  readonly sha256: string;
}

/** @throws {Error} if a part would end another, or has not one place in the page */
export async function verifyPage(): Promise<VerifyPage> {
  const read = (name: string): string => readFileSync(join(root, folder, name), 'utf8');
  const [script, style] = [`\n${await bundled()}`, `\n${read('verify.css')}`];
  if (/<\/script|<!--|\r/i.test(script) || /<|\r/.test(style)) throw new Error('not fit to stand in a page');
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${digest(script, 'base64')}'`,
    `style-src 'sha256-${digest(style, 'base64')}'`,
    // The worker is made of the page's own script, and has the page's policy.
    'worker-src blob:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const html = [
    ['content="policy"', `content="${policy}"`],
    ['<style></style>', `<style>${style}</style>`],
    ['<script></script>', `<script>${script}</script>`],
  ].reduce((page, [place = '', text = '']) => {
    const [before, after, ...more] = page.split(place);
    if (after === undefined || more.length > 0) throw new Error(`verify.html has not one ${place}`);
    return `${before}${text}${after}`;
  }, read('verify.html'));
  return { html, sha256: digest(html, 'hex') };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = process.argv[2] ?? join(root, 'dist', 'audit-verify.html');
  const { html, sha256 } = await verifyPage();
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, html);
  console.log(`${path}\n${Buffer.byteLength(html)} bytes\nSHA-256 ${sha256}`);
}
