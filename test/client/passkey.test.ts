import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  createPasskey,
  credentialOf,
  generateWebCryptoKeys,
  join,
  type Passkey,
  PlanbokError,
  passkeyCredential,
  readInvitation,
  webCryptoKey,
} from '../../client/index.ts';
import { verifyWithOpenssl } from '../../functions/authenticate.ts';
import { concat, fromBase64url, toBase64url, utf8 } from '../../shared/bytes.ts';
import { spkiOfPoint } from '../../shared/crypto/spki.ts';
import { authenticator, authenticatorData, flags, violations } from '../support/authenticator.ts';
import { type SoftBrowser, softBrowser } from '../support/soft-browser.ts';
import { household } from './world.ts';

const origin = 'https://wallet.example.com';
const rp = { id: 'example.com', name: 'Example' };
const user = { name: 'pia@example.com', displayName: 'Pia' };
const message = utf8('what is signed');

let browser: SoftBrowser;
const make = (more: object = {}) =>
  createPasskey({ rp, user, origins: [origin], ...more }, { authenticators: browser });
const credential = (passkey: Passkey) => passkeyCredential(passkey, { authenticators: browser });

async function errorOf(run: () => Promise<unknown>): Promise<PlanbokError> {
  const error = await run().then(
    () => undefined,
    (e: unknown) => e,
  );
  if (error instanceof PlanbokError) return error;
  throw new Error(`not refused as it ought to be: ${String(error)}`);
}

beforeEach(() => {
  browser = softBrowser(origin);
});

describe('a passkey is made', () => {
  test('with what a statement needs, and what the browser needs to find it', async () => {
    const passkey = await make();
    const [[id, kept]] = [...browser.kept] as [[string, ReturnType<typeof authenticator>]];
    expect(passkey).toEqual({
      webauthnId: id,
      publicKey: kept.key.publicKey,
      rpId: rp.id,
      origins: [origin],
      transports: ['internal'],
    });
    expect(JSON.parse(JSON.stringify(passkey))).toEqual(passkey);
    expect(credentialOf(credential(passkey), ['view'])).toEqual({
      algorithm: 'webauthn-es256',
      publicKey: kept.key.publicKey,
      rpId: rp.id,
      origins: [origin],
      scopes: ['view'],
    });
    expect(browser.gestures).toBe(1);
  });

  test('with ES256, user verification, no attestation, discoverable if possible', async () => {
    let asked: any;
    const create: SoftBrowser['create'] = (options) => {
      asked = options.publicKey;
      return browser.create(options);
    };
    const { webauthnId = '' } = await make();
    await createPasskey(
      { rp, user, origins: [origin], exclude: [webauthnId] },
      { authenticators: { ...browser, create }, timeoutMs: 5 },
    );
    expect(asked).toMatchObject({
      rp,
      user,
      pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
      authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
      attestation: 'none',
      timeout: 5,
      excludeCredentials: [{ type: 'public-key', id: fromBase64url(webauthnId) }],
    });
    expect(asked.user.id).toHaveLength(32);
    expect(asked.challenge).toHaveLength(32);
  });

  test('by an authenticator that has extensions to tell of', async () => {
    const bits = flags.UP | flags.UV | flags.AT | flags.ED;
    const create: SoftBrowser['create'] = async (options) => {
      browser.creation = { bits };
      const made = await browser.create(options);
      const longer = concat(new Uint8Array(made.response.getAuthenticatorData()), Uint8Array.of(0xa0));
      const response = { ...made.response, getAuthenticatorData: () => Uint8Array.from(longer).buffer };
      return { ...made, response };
    };
    const made = createPasskey({ rp, user, origins: [origin] }, { authenticators: { ...browser, create } });
    await expect(made).resolves.toMatchObject({ rpId: rp.id });
  });

  const spki = (point: string) => () => Uint8Array.from(spkiOfPoint(fromBase64url(point))).buffer;
  const data = (bytes: Uint8Array) => () => Uint8Array.from(bytes).buffer;
  test.each<[string, SoftBrowser['creation'], RegExp]>([
    ['of another algorithm', { getPublicKeyAlgorithm: () => -257 }, /not of ES256/],
    ['without a public key', { getPublicKey: () => null }, /does not know/],
    ['with a public key of another kind', { getPublicKey: data(new Uint8Array(44)) }, /not a P-256 key/],
    ['with another public key', { getPublicKey: spki(authenticator().key.publicKey) }, /another key/],
    ['without authenticator data', { getAuthenticatorData: data(new Uint8Array()) }, /cut short/],
    ['without attested data', { getAuthenticatorData: data(authenticatorData(rp.id)) }, /another key/],
    ['for another domain', { getAuthenticatorData: data(authenticatorData('example.org')) }, /relying party/],
    ['without user verification', { bits: flags.UP | flags.AT }, /did not verify/],
    ['without presence', { bits: flags.UV | flags.AT }, /nobody was present/],
    ['that is not attested', { bits: flags.UP | flags.UV }, /another key/],
    ['for another page', { client: { origin: 'https://evil.example' } }, /another origin/],
    ['in a frame', { client: { crossOrigin: true } }, /frame/],
    ['for another challenge', { client: { challenge: toBase64url(new Uint8Array(32)) } }, /another message/],
    ['by a signature', { client: { type: 'webauthn.get' } }, /type/],
  ])('and refused %s', async (_, creation, reason) => {
    browser.creation = creation;
    const error = await errorOf(() => make());
    expect(error.code).toBe('passkey_failed');
    expect(error.message).toMatch(reason);
  });

  test('and refused for what a statement would not take, before anybody relies on it', async () => {
    const foreign = await errorOf(() => make({ origins: [origin, 'https://example.org'] }));
    expect(foreign.message).toMatch(/origins of example.com/);
    expect((await errorOf(() => make({ origins: [] }))).code).toBe('passkey_failed');
  });

  test.each([
    ['NotAllowedError', /declined, or took too long/],
    ['SecurityError', /not of the passkey's domain/],
    ['InvalidStateError', /already/],
    ['OperationError', /pending/],
  ])('and refused with words when the browser throws %s', async (name, reason) => {
    const create = () => Promise.reject(new DOMException('a request is pending', name));
    const made = () =>
      createPasskey({ rp, user, origins: [origin] }, { authenticators: { ...browser, create } });
    expect((await errorOf(made)).message).toMatch(reason);
  });

  test('nowhere but in a browser', async () => {
    const here = () => createPasskey({ rp, user, origins: [origin] });
    expect((await errorOf(async () => here())).message).toMatch(/need a browser/);
    const unnamed = async () => createPasskey({ rp, user }, { authenticators: browser });
    expect((await errorOf(unnamed)).message).toMatch(/no page/);
  });
});

describe('a passkey signs', () => {
  test('what the nodes accept, one gesture each, never two at once', async () => {
    const key = credential(await make());
    const messages = Array.from({ length: 4 }, (_, i) => utf8(`message ${i}`));
    const signed = await Promise.all(messages.map((one) => key.sign(one)));
    const registered = credentialOf(key, []);
    expect(signed.map((one, i) => verifyWithOpenssl(registered, messages[i] as Uint8Array, one))).toEqual(
      Array(4).fill(true),
    );
    expect(verifyWithOpenssl(registered, message, signed[0] as Uint8Array)).toBe(false);
    expect(browser.gestures).toBe(5);
  });

  test('again after somebody declined', async () => {
    const passkey = await make();
    const key = credential(passkey);
    const kept = [...browser.kept];
    browser.kept.clear();
    expect((await errorOf(() => key.sign(message))).message).toMatch(/declined/);
    for (const [id, one] of kept) browser.kept.set(id, one);
    expect(verifyWithOpenssl(credentialOf(key, []), message, await key.sign(message))).toBe(true);
  });

  test('without its id the person chooses; another passkey than this one is noticed', async () => {
    const [first, second] = [await make(), await make()];
    const { webauthnId: _, ...unnamed } = first;
    const key = credential(unnamed);
    expect(verifyWithOpenssl(credentialOf(key, []), message, await key.sign(message))).toBe(true);
    browser.kept.delete(first.webauthnId ?? '');
    expect(browser.kept.has(second.webauthnId ?? '')).toBe(true);
    expect((await errorOf(() => key.sign(message))).message).toBe('it was another passkey');
  });

  test.each([
    'of another origin',
    'without user verification',
    'in a frame',
    'by another key',
    'with extensions',
  ])('nothing that the nodes would refuse: %s', async (name) => {
    const key = credential(await make());
    browser.deviation = violations[name] ?? {};
    expect((await errorOf(() => key.sign(message))).code).toBe('passkey_failed');
  });
});

describe('a member with a passkey', () => {
  test('joins, signs, states and approves; every one of these costs the gestures that the docs say', async () => {
    const { ada, connection, organization, clientOf } = await household();
    const set = await ada.walletSets.create({ name: 'Treasury', keyTypes: ['ed25519'] });
    const made = await ada.wallets.create({ walletSet: set.id, blockchains: ['SOL'], count: 2 });
    const [wallet = '', other = ''] = made.data.map(({ id }) => id);
    const { token } = await ada.invitations.invite({
      role: 'owner',
      scopes: ['view', 'create_wallet', 'sign', 'approve'],
    });

    const passkey = await make();
    const key = credential(passkey);
    const gestures = async <T>(run: () => Promise<T>): Promise<[number, T]> => {
      const before = browser.gestures;
      const result = await run();
      return [browser.gestures - before, result];
    };
    const [joining, joined] = await gestures(() => join(connection, readInvitation(token), 'Pia', key));
    expect(joined).toMatchObject({ organization });
    expect(joining).toBe(0);

    const pia = clientOf(key);
    const payload = (text: string) => ({ kind: 'message', message: text }) as const;
    const [first, signature] = await gestures(() =>
      pia.signatures.create({ wallet, payload: payload('one') }),
    );
    expect(signature.state).toBe('completed');
    const [second] = await gestures(() => pia.signatures.create({ wallet, payload: payload('two') }));
    const [bare] = await gestures(() =>
      pia.signatures.create({ wallet, payload: payload('three'), preview: false }),
    );
    expect([first, second, bare]).toEqual([3, 2, 1]);

    // A key without a person, for what changes nothing.
    const webKey = await webCryptoKey(await generateWebCryptoKeys());
    const [adding] = await gestures(() => pia.credentials.add(joined.member, credentialOf(webKey, ['view'])));
    expect(adding).toBe(2);
    const eased = clientOf(key, { reader: webKey });
    const [signing] = await gestures(() => eased.signatures.create({ wallet: other, payload: payload('4') }));
    const [listing, members] = await gestures(() => eased.members.list());
    const [stating] = await gestures(() => eased.members.setRole(joined.member, 'admin'));
    expect([signing, listing, stating]).toEqual([1, 0, 1]);
    expect(members.find(({ id }) => id === joined.member)?.credentials).toMatchObject([
      { algorithm: 'webauthn-es256', rpId: 'example.com', origins: [origin] },
      { algorithm: 'ecdsa-p256-sha256', scopes: ['view'] },
    ]);
    // What the reader may not, it does not: an effect is always signed by the passkey.
    const [wrong] = await gestures(() =>
      errorOf(() => clientOf(webKey).signatures.create({ wallet, payload: payload('5') })),
    );
    expect(wrong).toBe(0);
  });

  test('approves with one gesture and a reader, three without', async () => {
    const { ada, connection, clientOf } = await household();
    const set = await ada.walletSets.create({ name: 'Treasury', keyTypes: ['ed25519'] });
    const made = await ada.wallets.create({ walletSet: set.id, blockchains: ['SOL'] });
    const wallet = made.data[0]?.id ?? '';
    const { token } = await ada.invitations.invite({ role: 'owner', scopes: ['view', 'approve'] });
    const key = credential(await make());
    const { member } = await join(connection, readInvitation(token), 'Pia', key);
    const approvals = { id: 'two', kind: 'approvals', required: '1', approvers: [member] } as const;
    await ada.policies.set(set.id, {
      type: 'planbok/policy/v1',
      rules: [approvals],
      allow: [{ allow: 'message' }],
    });
    const request = {
      wallet,
      payload: { kind: 'message', message: 'together' },
      idempotencyKey: 'k1',
    } as const;
    const before = browser.gestures;
    const approval = await clientOf(key).approvals.make({
      ...request,
      decision: 'approve',
      confirm: () => true,
    });
    expect(browser.gestures - before).toBe(3);
    expect((await errorOf(() => ada.signatures.create(request))).code).toBe('approval_required');
    const signed = await ada.signatures.create({ ...request, approvals: [approval] });
    expect(signed.state).toBe('completed');
  });
});
