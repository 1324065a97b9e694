import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Page } from 'playwright-core';
import { verifyMessage } from 'viem';
import { credentialOf } from '../../client/credential.ts';
import { type CredentialKey, type Passkey, passkeyCredential } from '../../client/index.ts';
import { verifyWithOpenssl } from '../../functions/authenticate.ts';
import { fromBase64url, utf8 } from '../../shared/bytes.ts';
import { verifyWithCredential } from '../../shared/registry/statement.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { addAuthenticator, type Chromium, startChromium, type VirtualAuthenticator } from './chromium.ts';
import type { Account, App } from './passkey-page.ts';
import { appOf, bundled, open, PageError, type Served, serve } from './served-page.ts';

// The product, its bundles and a browser, on a machine that may be busy.
const patience = 120_000;

let stack: Stack;
let chromium: Chromium;
/** The app, and the same code on another origin. */
let ours: Served;
let theirs: Served;
let page: Page;
let app: App;
let authenticator: VirtualAuthenticator;
let passkey: Passkey;
let account: Account;
let member: string;
let wallet: { readonly id: string; readonly address: string };

beforeAll(async () => {
  const script = await bundled('test/browser/passkey-page.ts');
  [ours, theirs] = [await serve(script), await serve(script)];
  chromium = await startChromium();
  stack = await startStack();
  page = await open(chromium.context, ours.origin);
  authenticator = await addAuthenticator(page);
  app = appOf<App>(page);

  const { planbok } = stack;
  const set = await planbok.walletSets.create({ name: 'Treasury', keyTypes: ['secp256k1'] });
  const made = await planbok.wallets.create({ walletSet: set.id, blockchains: ['ETH'] });
  wallet = made.data[0] as typeof wallet;
  const { token } = await planbok.invitations.invite({
    role: 'admin',
    scopes: ['view', 'create_wallet', 'sign'],
  });
  passkey = await app.make('Pia');
  ({ account, member } = await app.enrol(token, 'Pia', passkey));
  await planbok.scopes.set(member, set.id, ['view', 'sign']);
}, patience);

afterAll(async () => {
  await chromium?.close();
  await Promise.all([stack?.stop(), ours?.close(), theirs?.close()]);
}, patience);

const registered = (key: CredentialKey = passkeyCredential(passkey)) => credentialOf(key, []);
/** The verdicts of the nodes' verification, and of the SDK's on replay. */
const verdicts = (text: string, container: string) =>
  [verifyWithOpenssl, verifyWithCredential].map((verify) =>
    verify(registered(), utf8(text), fromBase64url(container)),
  );

async function failureOf(run: () => Promise<unknown>): Promise<PageError> {
  const error = await run().then(
    () => undefined,
    (e: unknown) => e,
  );
  if (error instanceof PageError) return error;
  throw new Error(`not refused as it ought to be: ${String(error)}`);
}
const signs = async () => (await authenticator.signCounts()).reduce((sum, n) => sum + n, 0);

describe('in Chromium, a member with a passkey', () => {
  test('has joined from a page of another origin, with a key that the authenticator made', async () => {
    expect(passkey).toMatchObject({ rpId: 'localhost', origins: [ours.origin], transports: ['internal'] });
    const members = await stack.planbok.members.list();
    const { rpId, origins, publicKey } = passkey;
    expect(members.find(({ id }) => id === member)).toMatchObject({
      name: 'Pia',
      credentials: [{ algorithm: 'webauthn-es256', rpId, origins, publicKey }],
    });
  });

  test('signs, with the gestures that the docs count; another library verifies the signature', async () => {
    const before = await signs();
    const made = await app.sign(account, passkey, wallet.id, 'hello from a page');
    expect(made).toMatchObject({ state: 'completed', wallet: wallet.id });
    const address = wallet.address as `0x${string}`;
    const signature = made.signature as `0x${string}`;
    expect(await verifyMessage({ address, message: 'hello from a page', signature })).toBe(true);
    expect(await verifyMessage({ address, message: 'something else', signature })).toBe(false);
    expect((await signs()) - before).toBe(3);
  }, 30_000);

  test('states something, which counts', async () => {
    const guest = await stack.planbok.members.add({ name: 'Gil', role: 'member' });
    await app.remove(account, passkey, guest.id);
    const members = await stack.planbok.members.list();
    expect(members.map(({ name }) => name)).not.toContain('Gil');
  });

  test('makes assertions that the nodes and the SDK verify, for their message alone', async () => {
    const container = await app.assertion(passkey, 'a message');
    expect(verdicts('a message', container)).toEqual([true, true]);
    expect(verdicts('another message', container)).toEqual([false, false]);
  });

  test('gets nothing from a page of another origin, whether that page checks or not', async () => {
    await page.goto(theirs.origin);
    try {
      const refused = await failureOf(() => app.assertion(passkey, 'a message'));
      expect([refused.code, refused.message]).toEqual(['passkey_failed', 'passkey: it is of another origin']);
      const container = await app.uncheckedAssertion(passkey, 'a message', true);
      expect(verdicts('a message', container)).toEqual([false, false]);
      const sent = await failureOf(() => app.uncheckedSign(account, passkey, wallet.id, true));
      expect(sent.code).toBe('signature_invalid');
    } finally {
      await page.goto(ours.origin);
    }
  });

  test('gets nothing when the authenticator does not recognise who is there', async () => {
    await authenticator.verifies(false);
    try {
      const refused = await failureOf(() => app.assertion(passkey, 'a message'));
      expect(refused.code).toBe('passkey_failed');
      const container = await app.uncheckedAssertion(passkey, 'a message', false);
      expect(verdicts('a message', container)).toEqual([false, false]);
      const sent = await failureOf(() => app.uncheckedSign(account, passkey, wallet.id, false));
      expect(sent.code).toBe('signature_invalid');
    } finally {
      await authenticator.verifies(true);
    }
    // It was that, and nothing else.
    const container = await app.uncheckedAssertion(passkey, 'a message', true);
    expect(verdicts('a message', container)).toEqual([true, true]);
  }, 30_000);

  test('without a passkey of this authenticator, or with one of another domain, is told so', async () => {
    const unknown = { ...passkey, webauthnId: 'AAAA' };
    expect((await failureOf(() => app.assertion(unknown, 'x'))).code).toBe('passkey_failed');
    const foreign = { ...passkey, rpId: 'example.com' };
    const refused = await failureOf(() => app.assertion(foreign, 'x'));
    expect(refused.message).toContain("not of the passkey's domain");
  }, 30_000);

  test('makes passkeys for origins of the domain only', async () => {
    const refused = await failureOf(() => app.make('Eve', [ours.origin, 'https://example.com']));
    expect(refused.message).toContain('origins of localhost');
    const made = await app.make('Pia elsewhere', [ours.origin, theirs.origin]);
    await page.goto(theirs.origin);
    const container = await app.assertion(made, 'from there');
    await page.goto(ours.origin);
    const key = credentialOf(passkeyCredential(made), []);
    expect(verifyWithOpenssl(key, utf8('from there'), fromBase64url(container))).toBe(true);
  }, 30_000);
});
