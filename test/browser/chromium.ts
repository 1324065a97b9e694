/**
 * A Chromium of the machine for tests: without a window, without a profile, without a word to its maker.
 * @module
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core';

const usual = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

const args = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** @throws {Error} with what to do about it */
function executable(): string {
  const { PLANBOK_CHROMIUM: named } = process.env;
  const found = named ?? usual.find((path) => existsSync(path));
  if (found === undefined || !existsSync(found))
    throw new Error(
      `${named === undefined ? 'there is no Chromium' : `PLANBOK_CHROMIUM names ${named}, which is not there`}. ` +
        'These tests run in one: apt-get install chromium (Debian, Ubuntu), brew install --cask chromium (macOS), ' +
        'or set PLANBOK_CHROMIUM to the path of a Chromium or Chrome.',
    );
  return found;
}

export interface Chromium {
  readonly context: BrowserContext;
  /** Ends it, and removes what it wrote. */
  close(): Promise<void>;
}

/** @throws {Error} if there is none, saying how to get one */
export async function startChromium(): Promise<Chromium> {
  const executablePath = executable();
  const folder = mkdtempSync(join(tmpdir(), 'planbok-chromium-'));
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  try {
    const context = await chromium.launchPersistentContext(folder, { executablePath, args, headless: true });
    return {
      context,
      async close() {
        await context.close();
        remove();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

export interface VirtualAuthenticator {
  /** Does it recognise who is there, from now on? */
  verifies(who: boolean): Promise<void>;
  /** How often each of its keys has signed. */
  signCounts(): Promise<readonly number[]>;
}

/** An authenticator of the platform for a page, where somebody is always present. */
export async function addAuthenticator(page: Page): Promise<VirtualAuthenticator> {
  const cdp: CDPSession = await page.context().newCDPSession(page);
  await cdp.send('WebAuthn.enable', {});
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  return {
    async verifies(who) {
      await cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: who });
    },
    async signCounts() {
      const { credentials } = await cdp.send('WebAuthn.getCredentials', { authenticatorId });
      return credentials.map(({ signCount }) => signCount);
    },
  };
}
