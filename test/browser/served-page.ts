/**
 * An app of one page on http://localhost, bundled as an app's author would: what it puts on `globalThis.app` is
 * what a test can call.
 * @module
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { build } from 'esbuild';
import type { BrowserContext, Page } from 'playwright-core';
import { root } from '../support/stack.ts';

/** @param entry relative to the repository */
export async function bundled(entry: string): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    format: 'iife',
    platform: 'browser',
    target: 'chrome120',
    write: false,
    logLevel: 'error',
  });
  return outputFiles[0]?.text ?? '';
}

export interface Served {
  /** `http://localhost:PORT` */
  readonly origin: string;
  /** Paths that were asked for, in order. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/** Each call is another origin. */
export const serve = (script: string): Promise<Served> =>
  servePage('<!doctype html><title>app</title><script src="/app.js"></script>', script);

/** The page at every path but `/app.js`. */
export async function servePage(html: string, script = ''): Promise<Served> {
  const requests: string[] = [];
  const server = createServer(({ url = '' }, response) => {
    requests.push(url);
    const isScript = url === '/app.js';
    response.setHeader(
      'content-type',
      isScript ? 'text/javascript; charset=utf-8' : 'text/html; charset=utf-8',
    );
    response.end(isScript ? script : html);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    requests,
    origin: `http://localhost:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

export async function open(context: BrowserContext, origin: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(origin);
  return page;
}

type AsyncFunctions = Readonly<Record<string, (...args: never[]) => Promise<unknown>>>;

/** What the page throws, with the code that the SDK gave it. */
export class PageError extends Error {
  override readonly name = 'PageError';
  readonly code: string | undefined;
  constructor(message: string, code: string | undefined) {
    super(message);
    this.code = code;
  }
}

/** The page's functions, as if they were here; arguments and results travel as JSON. @throws {PageError} */
export function appOf<App extends AsyncFunctions>(page: Page): App {
  const call = async (name: string, args: readonly unknown[]) => {
    const outcome: any = await page.evaluate(
      async ([which, given]) => {
        try {
          return { value: await (globalThis as any).app[which as string](...(given as any[])) };
        } catch (error: any) {
          return { failed: { message: String(error?.message ?? error), code: error?.code } };
        }
      },
      [name, args] as const,
    );
    if (outcome.failed) throw new PageError(outcome.failed.message, outcome.failed.code);
    return outcome.value;
  };
  return new Proxy({} as App, {
    // A proxy that answers to `then` would be taken for a promise.
    get: (_, name) => (name === 'then' ? undefined : (...args: unknown[]) => call(String(name), args)),
  });
}
