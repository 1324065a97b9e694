/**
 * The page that verifies an export, as an auditor uses it: its verdict is that of the verifier here, over the same
 * bytes, and it asks nobody for anything.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { verifyPage } from '../../local/verify-page.ts';
import type { Finding } from '../../shared/audit/verify/findings.ts';
import { type Pins, verifyExport } from '../../shared/audit/verify/verify.ts';
import { type Bytes, toBase64url, utf8 } from '../../shared/bytes.ts';
import { exportFiles, verifyFiles } from '../audit/exports.ts';
import { largeExport } from '../audit/large.ts';
import { flipped, type Scene, scene } from '../audit/scene.ts';
import { exportOf, facts, slow } from '../audit/support.ts';
import { type Chromium, startChromium } from './chromium.ts';
import { type Served, servePage } from './served-page.ts';

jest.setTimeout(slow ? 900_000 : 120_000);

let built: Awaited<ReturnType<typeof verifyPage>>;
let chromium: Chromium;
let served: Served;
let page: Page;
let home: string;
let small: Scene;
/** Whatever the browser asked for, of anybody, in the present test. */
let asked: string[];
let faults: string[];

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'planbok-verify-page-'));
  [built, chromium, small] = [await verifyPage(), await startChromium(), await scene(3)];
  served = await servePage(built.html);
  chromium.context.on('request', (request) => asked.push(request.url()));
  writeFileSync(join(home, 'verify.html'), built.html);
}, 120_000);

afterAll(async () => {
  await chromium?.close();
  await served?.close();
  rmSync(home, { recursive: true, force: true });
}, 120_000);

beforeEach(async () => {
  [asked, faults] = [[], []];
  await page?.close();
  page = await chromium.context.newPage();
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => faults.push(message.text()));
  await page.goto(served.origin);
});

let folders = 0;
/** A folder of these files, named `export`. */
function folderOf(files: ReadonlyMap<string, Bytes>): string {
  const folder = join(home, `${++folders}`, 'export');
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), bytes);
  }
  return folder;
}

const pinTexts = ({ organization, identities }: Pins) => ({
  organization,
  identities: { node1: toBase64url(identities.node1), node2: toBase64url(identities.node2) },
});

async function fill(pins: Pins): Promise<void> {
  const { organization, identities } = pinTexts(pins);
  await page.getByLabel('Organization').fill(organization);
  await page.getByLabel('Identity key of Node 1').fill(identities.node1);
  await page.getByLabel('Identity key of Node 2').fill(identities.node2);
}

const pressCheck = () => page.getByRole('button', { name: 'Check this export' }).click();

interface Shown {
  readonly verdict: string;
  readonly findings: readonly { readonly code: string; readonly file: string; readonly detail: string }[];
  readonly logs: readonly string[];
  readonly facts: string;
}

/** What the page says, when it says it. */
async function shown(): Promise<Shown> {
  await page.locator('#result').waitFor({ state: 'visible', timeout: 600_000 });
  const findings = await Promise.all(
    (await page.locator('#findings li').all()).map(async (item) => {
      const [code, file, detail] = await Promise.all(
        ['.code', '.file', '.detail'].map((part) => item.locator(part).textContent()),
      );
      return { code: code ?? '', file: file ?? '', detail: detail ?? '' };
    }),
  );
  const logs = await page
    .locator('#logs tbody tr')
    .evaluateAll((rows) =>
      rows.map(({ cells }: any) => [...cells].map((cell) => cell.textContent).join('; ')),
    );
  const verdict = (await page.locator('#verdict').textContent()) ?? '';
  return { verdict, findings, logs, facts: (await page.locator('#facts').textContent()) ?? '' };
}

async function verdictOn(files: ReadonlyMap<string, Bytes>, pins: Pins): Promise<Shown> {
  await page.getByLabel('folder').setInputFiles(folderOf(files));
  await fill(pins);
  await pressCheck();
  return shown();
}

// What a JSON parser says in `detail` is each engine's own.
const named = (findings: readonly Pick<Finding, 'code' | 'file'>[] | Shown['findings']) =>
  findings.map(({ code, file }) => `${code} ${file}`);

describe('the page that verifies an export', () => {
  test('is one file, the same whenever it is built, whose script is the one that its policy names', async () => {
    expect(await verifyPage()).toEqual(built);
    const policy = /content="(default-src[^"]*)"/.exec(built.html)?.[1];
    expect(policy).toMatch(
      /^default-src 'none'; script-src 'sha256-[^ ]{44}'; style-src 'sha256-[^ ]{44}'; worker-src blob:; base-uri 'none'; form-action 'none'$/,
    );
    expect(built.html).not.toMatch(/\s(?:src|href|style|on\w+)=/);
    expect(built.html.match(/<script/g)).toHaveLength(1);
  });

  test('passes an export, and asks for nothing but itself', async () => {
    const before = served.requests.length;
    await page.reload();
    const { verdict, findings, logs, facts: said } = await verdictOn(small.files, small.pins);
    const expected = await verifyFiles(small.files, small.pins);
    expect([expected.ok, verdict, findings]).toEqual([true, 'Both logs hold', []]);
    const rows = expected.logs.map(({ node, size, cosigned }) => {
      const time = new Date(cosigned * 1_000).toISOString().slice(0, 19).replace('T', ' ');
      return `${node.replace('node', 'Node ')}; ${size}; ${time} UTC`;
    });
    expect(logs).toEqual(rows);
    expect(said).toContain('org_test');
    expect(said).toMatch(/Undecided\s*nothing/);
    expect(await page.locator('#verdict').evaluate((it: any) => it === it.ownerDocument.activeElement)).toBe(
      true,
    );
    expect(served.requests.slice(before)).toEqual(['/']);
    // The worker is a blob of this page.
    const outside = asked.filter((url) => !url.startsWith(`blob:${served.origin}/`));
    expect(new Set(outside)).toEqual(new Set([`${served.origin}/`]));
    expect(faults).toEqual([]);
  });

  test('works as a file, without any server', async () => {
    await page.goto(pathToFileURL(join(home, 'verify.html')).href);
    expect((await verdictOn(small.files, small.pins)).verdict).toBe('Both logs hold');
    expect(faults).toEqual([]);
  });

  test('may reach nothing: neither the page nor its worker', async () => {
    const before = served.requests.length;
    const reached = await page.evaluate(async (origin) => {
      const { document, Image, Worker, Blob, URL: Url, fetch: get, WebSocket: Socket } = globalThis as any;
      const refused: string[] = [];
      const violated = (event: any) => refused.push(event.effectiveDirective);
      document.addEventListener('securitypolicyviolation', violated);
      const tried = (run: () => Promise<unknown>) =>
        run().then(...['reached', 'refused'].map((s) => () => s));
      const loaded = (element: any) =>
        tried(() => new Promise((done, fail) => Object.assign(element, { onload: done, onerror: fail })));
      const image = new Image();
      const imageLoaded = loaded(image);
      image.src = `${origin}/image`;
      const script = document.createElement('script');
      const scriptLoaded = loaded(script);
      script.src = `${origin}/script`;
      document.head.append(script);
      const inline = document.createElement('script');
      inline.textContent = 'globalThis.inlineRan = true';
      document.head.append(inline);
      const socket = new Socket(origin.replace('http', 'ws'));
      const connected = tried(
        () => new Promise((done, fail) => Object.assign(socket, { onopen: done, onerror: fail })),
      );
      const source = `fetch('${origin}/worker').then(() => postMessage('reached'), () => postMessage('refused'))`;
      const worker = new Worker(Url.createObjectURL(new Blob([source])));
      const inWorker = await new Promise((done) => {
        worker.onmessage = ({ data }: any) => done(data);
      });
      return {
        fetch: await tried(() => get(`${origin}/fetch`)),
        image: await imageLoaded,
        script: await scriptLoaded,
        socket: await connected,
        inline: (globalThis as any).inlineRan ?? 'refused',
        worker: inWorker,
        refused: [...new Set(refused)].sort(),
      };
    }, served.origin);
    const { refused, ...attempts } = reached;
    expect(new Set(Object.values(attempts))).toEqual(new Set(['refused']));
    expect(refused).toEqual(expect.arrayContaining(['connect-src', 'img-src', 'script-src-elem']));
    expect(served.requests.slice(before)).toEqual([]);
  });

  test('finds a flipped byte in any file, as the verifier here does', async () => {
    for (const [name, bytes] of small.files) {
      for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
        const files = new Map(small.files).set(name, flipped(bytes, at, 1));
        const expected = await verifyFiles(files, small.pins);
        expect(expected.ok).toBe(false);
        const { verdict, findings } = await verdictOn(files, small.pins);
        expect([name, at, verdict]).toEqual([name, at, 'This export does not hold']);
        expect([name, at, named(findings)]).toEqual([name, at, named(expected.findings)]);
      }
    }
    expect(faults).toEqual([]);
  });

  test('names files that are missing or do not belong, and what is wrong in a whole history', async () => {
    const without = new Map(small.files);
    without.delete('node2/checkpoint');
    const { node1, node2 } = small.pair;
    const begun = await node1.auditor.append(
      'org_test',
      facts({ operation: toBase64url(new Uint8Array(32)) }),
    );
    await node1.auditor.append(
      'org_test',
      facts({ phase: 'outcome', operation: toBase64url(new Uint8Array(32)), previous: begun.id }),
    );
    await node1.sequencer().drain(node1.log);
    small.pair.time.nowMs += 11_000;
    for (const node of [node1, node2]) await node.sequencer().cosign(node.log);
    const alone = exportFiles({ node1: await exportOf(node1), node2: await exportOf(node2) });
    for (const [files, code] of [
      [new Map(small.files).set('node1/<b>\u202enotes.txt', utf8('x')), 'file_unknown'],
      [new Map(small.files).set('.DS_Store', utf8('x')), 'file_unknown'],
      [without, 'file_missing'],
      [alone, 'effect_without_peer'],
    ] as const) {
      const { findings } = await verdictOn(files, small.pins);
      const expected = await verifyFiles(files, small.pins);
      expect(expected.findings.map((finding) => finding.code)).toEqual([code]);
      expect(findings.map((finding) => finding.code)).toEqual([code]);
      expect(findings[0]?.file).toBe(expected.findings[0]?.file.replace('\u202e', '\\u{202e}'));
      expect(findings[0]?.detail).toBe(expected.findings[0]?.detail);
    }
  });

  test('takes a dropped folder, sees an empty one in it, and drops a verdict with what it was about', async () => {
    const drop = async (path: string) => {
      const box = await page.locator('#drop').boundingBox();
      const cdp = await page.context().newCDPSession(page);
      const at = { x: (box?.x ?? 0) + 20, y: (box?.y ?? 0) + 20 };
      for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
        await cdp.send('Input.dispatchDragEvent', {
          type,
          ...at,
          data: { items: [], files: [path], dragOperationsMask: 1 },
        });
    };
    await fill(small.pins);
    await drop(folderOf(small.files));
    await page.getByText('node2/records.ndjson').waitFor();
    await pressCheck();
    expect((await shown()).verdict).toBe('Both logs hold');
    const more = folderOf(small.files);
    mkdirSync(join(more, 'node1', 'empty'));
    await page.evaluate('scrollTo(0, 0)');
    await drop(more);
    await page.getByText('empty folder').waitFor();
    expect(await page.locator('#result').isVisible()).toBe(false);
    await pressCheck();
    expect(named((await shown()).findings)).toEqual(['file_unknown node1/empty']);
    await page.getByLabel('Organization').press('End');
    await page.getByLabel('Organization').pressSequentially('x');
    expect(await page.locator('#result').isVisible()).toBe(false);
    await pressCheck();
    expect(named((await shown()).findings)).toContain('key_not_attested node1/keys.json');
  });

  test('fills the pins from a file, of which it keeps nothing else', async () => {
    const file = join(home, 'owner.json');
    writeFileSync(file, JSON.stringify({ ...pinTexts(small.pins), seed: 'SECRETSECRET' }));
    await page.getByLabel('Fill in from a file').setInputFiles(file);
    await page.waitForFunction("document.getElementById('node2').value !== ''");
    expect(await page.content()).not.toContain('SECRETSECRET');
    await page.getByLabel('folder').setInputFiles(folderOf(small.files));
    await pressCheck();
    expect((await shown()).verdict).toBe('Both logs hold');
    writeFileSync(file, '{"organization":"org_x"}');
    await page.getByLabel('Fill in from a file').setInputFiles(file);
    await page.getByText('This is not JSON with').waitFor();
  });

  test('holds the export against checkpoints that were kept', async () => {
    const other = await scene(1);
    const own = join(home, 'checkpoint');
    writeFileSync(own, small.nodes.node1.checkpoint);
    await page.getByLabel('Choose files').setInputFiles(own);
    const { verdict, facts: said } = await verdictOn(small.files, small.pins);
    expect([verdict, said]).toEqual(['Both logs hold', expect.stringContaining('of Node 1: continued')]);
    // Other nodes, whose logs have grown since their export was made.
    const { node1 } = other.pair;
    const before = exportFiles({ node1: await exportOf(node1), node2: await exportOf(other.pair.node2) });
    for (const node of [node1, other.pair.node2]) {
      await node.auditor.append('org_test', facts({ phase: 'denied' }));
      await node.sequencer().drain(node.log);
      await node.sequencer().cosign(node.log);
    }
    const checkpoints = Object.fromEntries(
      await Promise.all(
        [node1, other.pair.node2].map(async (node) => {
          const note = new TextDecoder().decode((await exportOf(node)).checkpoint);
          return [node.log, { note, publicKey: '' }] as const;
        }),
      ),
    );
    writeFileSync(join(home, 'owner.json.checkpoints'), JSON.stringify({ checkpoints, evidence: [] }));
    await page.getByLabel('Choose files').setInputFiles(join(home, 'owner.json.checkpoints'));
    const back = await verdictOn(before, other.pins);
    expect(named(back.findings)).toEqual([
      'log_went_back node1/checkpoint',
      'log_went_back node2/checkpoint',
    ]);
    // One that is of none of these logs is no check at all, and is not passed over.
    writeFileSync(own, 'something else\n');
    await page.getByLabel('Choose files').setInputFiles(own);
    await pressCheck();
    await page.getByText('checkpoint holds no checkpoint of this organization').waitFor();
    await page.getByLabel('Choose files').setInputFiles([join(home, 'owner.json.checkpoints'), own]);
    await pressCheck();
    await page.getByText('checkpoint holds no checkpoint of this organization').waitFor();
    expect(await page.locator('#result').isVisible()).toBe(false);
  });

  test('says what is missing, where it is missing, to eyes and ears', async () => {
    await pressCheck();
    const focused = () => page.evaluate('document.activeElement.id');
    expect(await focused()).toBe('folder');
    const wrong = await page
      .locator('[aria-invalid="true"]')
      .evaluateAll((all) => all.map((it: any) => it.id));
    expect(wrong).toEqual(['folder', 'organization', 'node1', 'node2']);
    await page.getByLabel('folder').setInputFiles(folderOf(small.files));
    await fill(small.pins);
    await page.getByLabel('Identity key of Node 1').fill('MFkw');
    await pressCheck();
    expect(await focused()).toBe('node1');
    expect(await page.locator('#node1').getAttribute('aria-describedby')).toContain('node1-error');
    expect((await page.locator('#node1-error').textContent()) ?? '').toContain(
      'not base64url of a P-256 public key',
    );
    await page.getByLabel('Identity key of Node 1').fill(toBase64url(small.pins.identities.node2));
    await pressCheck();
    expect((await page.locator('#node2-error').textContent()) ?? '').toContain('the key of Node 1');
    // By keyboard alone.
    await fill(small.pins);
    await page.getByLabel('Organization').focus();
    await page.keyboard.press('Enter');
    expect((await shown()).verdict).toBe('Both logs hold');
  });

  test('gives the verdict as a file', async () => {
    const files = new Map(small.files).set('notes.txt', utf8('x'));
    await verdictOn(files, small.pins);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save the verdict' }).click(),
    ]);
    const saved = JSON.parse(readFileSync(await download.path(), 'utf8'));
    expect(saved).toMatchObject({ ...pinTexts(small.pins), verdict: await verifyFiles(files, small.pins) });
  });

  const many = slow ? 1_000_000 : 60_000;
  test(`stays awake while it reads ${many} records, fits a phone, and can be stopped`, async () => {
    await page.setViewportSize({ width: 360, height: 740 });
    const { source, pins } = await largeExport(many / 2);
    const files = new Map<string, Bytes>();
    for (const name of source.names) {
      const pieces: Bytes[] = [];
      for await (const piece of source.read(name)) pieces.push(piece);
      files.set(name, Buffer.concat(pieces));
    }
    await page.getByLabel('folder').setInputFiles(folderOf(files));
    await fill(pins);
    // The longest time in which the page could do nothing.
    await page.evaluate(() => {
      const scope = globalThis as any;
      [scope.longest, scope.last] = [0, performance.now()];
      setInterval(() => {
        scope.longest = Math.max(scope.longest, performance.now() - scope.last);
        scope.last = performance.now();
      }, 10);
    });
    await pressCheck();
    await page
      .getByText(/[1-9][\d,]* of [\d,]+ records/)
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Stop' }).click();
    const stopped = performance.now();
    expect(await page.locator('#running').isVisible()).toBe(false);
    expect(await page.getByRole('status').textContent()).toBe('Stopped');
    // A worker that is busy ends within some seconds.
    while (page.workers().length > 0 && performance.now() - stopped < 20_000) await page.waitForTimeout(50);
    expect(page.workers()).toEqual([]);
    const from = performance.now();
    await pressCheck();
    expect((await shown()).verdict).toBe('Both logs hold');
    const seconds = ((performance.now() - from) / 1_000).toFixed(1);
    const longest = Math.round(await page.evaluate('longest'));
    process.stdout.write(`page: ${many} records in ${seconds} s; at most ${longest} ms without an answer\n`);
    expect(longest).toBeLessThan(2_000);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    const { ok } = await verifyExport(source, pins);
    expect(ok).toBe(true);
  });
});
