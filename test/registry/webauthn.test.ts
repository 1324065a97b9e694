import { sign } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { verifyWithOpenssl } from '../../functions/authenticate.ts';
import { toBase64url, utf8 } from '../../shared/bytes.ts';
import { CustodyError } from '../../shared/errors.ts';
import { checkLog } from '../../shared/registry/head.ts';
import { problemsOf } from '../../shared/registry/kinds.ts';
import { decodeRegistry, encodeRegistry, found } from '../../shared/registry/registry.ts';
import { isOriginOf, isRpId } from '../../shared/registry/relying-party.ts';
import {
  credentialId,
  isSignature,
  type PublicKey,
  verifyWithCredential,
} from '../../shared/registry/statement.ts';
import {
  encodeAssertion,
  maxAssertionBytes,
  openAssertion,
  readAuthenticatorData,
  webauthnChallenge,
} from '../../shared/registry/webauthn.ts';
import {
  type Authenticator,
  allowed,
  authenticator,
  type Deviation,
  origins,
  rpId,
  violations,
} from '../support/authenticator.ts';
import { all, codeOf, credentialOf, day, foundingOf, id, iso, newKey, organization } from './log.ts';

const passkey = authenticator();
const message = utf8('planbok/statement-signature/v1\0{"what":"is signed"}');
/** The nodes' implementation, and the one that browsers have. */
const verdicts = (container: Uint8Array, key: PublicKey = passkey.key) =>
  [verifyWithOpenssl, verifyWithCredential].map((verify) => verify(key, message, container));

describe('an assertion in place of a signature', () => {
  test.each(Object.entries(allowed))('%s verifies, on both implementations', (_, deviation) => {
    expect(verdicts(passkey.assert(message, deviation))).toEqual([true, true]);
  });

  test.each(Object.entries(violations))('%s does not verify, on either', (_, deviation) => {
    expect(verdicts(passkey.assert(message, deviation))).toEqual([false, false]);
  });

  test('with any single bit turned over does not verify', () => {
    const container = passkey.assert(message);
    for (let bit = 0; bit < container.length * 8; bit++) {
      const changed = Uint8Array.from(container);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect([bit, verifyWithOpenssl(passkey.key, message, changed)]).toEqual([bit, false]);
      if (bit % 97 === 0) expect(verifyWithCredential(passkey.key, message, changed)).toBe(false);
    }
  });

  test('cut short anywhere does not verify, and throws nothing', () => {
    const container = passkey.assert(message);
    for (let length = 0; length < container.length; length++)
      expect(verifyWithOpenssl(passkey.key, message, container.subarray(0, length))).toBe(false);
  });

  test('has one form: what is encoded here is what the specification of the container says', () => {
    const [data, json, signature] = [new Uint8Array(37).fill(1), new Uint8Array(300).fill(2), utf8('sig')];
    const container = encodeAssertion({ authenticatorData: data, clientDataJSON: json, signature });
    expect([...container.subarray(0, 3)]).toEqual([1, 0, 37]);
    expect([...container.subarray(40, 42)]).toEqual([1, 44]);
    expect([...container.subarray(342)]).toEqual([0, 3, 115, 105, 103]);
  });

  test('is over SHA-256 of a tag and the message', () => {
    expect(toBase64url(webauthnChallenge(utf8('hello')))).toBe('8CpkkT24KODqWv57q5Mw1UrnMHK8JpfWqQV5eBbu_KM');
  });

  test('with client data of 1,024 bytes verifies, with a byte more it does not', () => {
    const sized = (length: number) => ({
      json: (text: string) => text.replace('}', `,"more":"${'x'.repeat(length - text.length - 10)}"}`),
    });
    expect(verdicts(passkey.assert(message, sized(1_024)))).toEqual([true, true]);
    expect(verdicts(passkey.assert(message, sized(1_025)))).toEqual([false, false]);
    const large = () => openAssertion(passkey.key, message, new Uint8Array(maxAssertionBytes + 1));
    expect(large).toThrow('at most 2048 bytes');
  });

  test('of another kind of credential, or for a key without its relying party, verifies nothing', () => {
    const container = passkey.assert(message);
    const { algorithm, publicKey } = passkey.key;
    expect(verdicts(container, { algorithm, publicKey })).toEqual([false, false]);
    expect(verdicts(container, { algorithm, publicKey, rpId })).toEqual([false, false]);
    expect(verdicts(container, { algorithm: 'ecdsa-p256-sha256', publicKey })).toEqual([false, false]);
    expect(verdicts(container, { ...passkey.key, origins: ['https://example.org'] })).toEqual([false, false]);
    expect(verdicts(container, { ...passkey.key, rpId: 'example.com' })).toEqual([false, false]);
    expect(verdicts(container, { ...passkey.key, publicKey: 'AA' })).toEqual([false, false]);
    // The key's own signature over the message, which no authenticator makes, is no assertion.
    const plain = new Uint8Array(sign('sha256', message, { key: passkey.secret, dsaEncoding: 'ieee-p1363' }));
    expect(verdicts(plain, { algorithm: 'ecdsa-p256-sha256', publicKey })).toEqual([true, true]);
    expect(verdicts(plain)).toEqual([false, false]);
    expect(verdicts(plain, { algorithm, publicKey })).toEqual([false, false]);
  });

  test('is told apart from what it is not, by the reason', () => {
    const reason = (name: string) => {
      try {
        openAssertion(passkey.key, message, passkey.assert(message, violations[name]));
      } catch (error) {
        if (error instanceof CustodyError) return error.message;
        throw error;
      }
      return 'accepted';
    };
    expect(reason('of another origin')).toBe('passkey: it is of another origin');
    expect(reason('without user verification')).toMatch(/did not verify/);
    expect(reason('for another message')).toMatch(/another message/);
    expect(reason('for another relying party')).toMatch(/another relying party/);
    expect(reason('with an origin twice')).toMatch(/not what a browser writes/);
  });

  test('says its counter, which decides nothing', () => {
    const container = passkey.assert(message, { signCount: 258 });
    expect(readAuthenticatorData(container.subarray(3, 40), rpId).signCount).toBe(258);
  });

  test('has the length of a signature as text, and so has one of 64 bytes', () => {
    const text = (length: number) => toBase64url(new Uint8Array(length));
    expect(isSignature(toBase64url(passkey.assert(message)))).toBe(true);
    expect([64, maxAssertionBytes].map((n) => isSignature(text(n)))).toEqual([true, true]);
    expect([0, 63, maxAssertionBytes + 1].map((n) => isSignature(text(n)))).toEqual([false, false, false]);
    for (const other of [undefined, 7, `${text(64)}=`, `${text(64)}!`])
      expect(isSignature(other)).toBe(false);
  });

  test('belongs to a credential with an id of its own', () => {
    expect(credentialId(passkey.key)).not.toBe(
      credentialId({ ...passkey.key, algorithm: 'ecdsa-p256-sha256' }),
    );
  });
});

/** As the passkey of a member states something. */
const signerOf = (made: Authenticator, deviation?: Deviation) => ({
  ...made.key,
  id: credentialId(made.key),
  sign: (bytes: Uint8Array) => made.assert(bytes, deviation),
});

describe('a passkey in the registry', () => {
  test('founds an organization, and is kept with its relying party', () => {
    const key = signerOf(authenticator());
    const founding = foundingOf(key);
    const registry = found(founding);
    expect(registry).toEqual(found(founding, verifyWithOpenssl));
    expect(registry.credentials[key.id]).toMatchObject({
      algorithm: 'webauthn-es256',
      rpId,
      origins,
      scopes: all,
    });
    expect(decodeRegistry(encodeRegistry(registry))).toEqual(registry);
    const other = signerOf(passkey, violations['of another origin']);
    expect(codeOf(() => found(foundingOf(other)))).toBe('signature_invalid');
  });

  test('comes with every statement that introduces credentials of members, and states things itself', () => {
    const org = organization();
    const [added, further, invited, recovered] = [1, 2, 3, 4].map(() => signerOf(authenticator())) as [
      ReturnType<typeof signerOf>,
      ReturnType<typeof signerOf>,
      ReturnType<typeof signerOf>,
      ReturnType<typeof signerOf>,
    ];
    const [member, guest] = [id('mem'), id('mem')];
    const add = { kind: 'member.add', member, name: 'Pia', role: 'admin' } as const;
    org.say(org.owner, { ...add, credential: credentialOf(added) });
    org.say(added, { kind: 'credential.add', member, credential: credentialOf(further) });
    const [token, invitation] = [newKey(), id('inv')];
    org.say(further, {
      kind: 'invitation.create',
      invitation,
      role: 'member',
      scopes: ['view', 'sign'],
      publicKey: token.publicKey,
      expires: iso(org.nowMs + day),
    });
    const accept = { kind: 'invitation.accept', member: guest, name: 'Gil' } as const;
    org.say(invitation, { ...accept, credential: credentialOf(invited, ['view']) }, { as: token });
    const recover = { kind: 'recovery.credential', member: guest } as const;
    const credential = credentialOf(recovered, ['view']);
    org.say(org.owner, { ...recover, credential }, { cosigners: [added] });
    const kept = Object.values(org.registry.credentials).filter((one) => one.algorithm === 'webauthn-es256');
    expect(kept.map(({ rpId: at, origins: of }) => [at, of])).toEqual(Array(4).fill([rpId, origins]));
    // Replayed without OpenSSL, it is the same.
    expect(checkLog(org.log, { known: org.registry })).toEqual(org.registry);
    expect(org.refusal(further, { kind: 'member.remove', member: guest }, { as: added })).toBe(
      'signature_invalid',
    );
  });

  test('states nothing with an assertion that is not as it ought to be, and cosigns nothing', () => {
    const org = organization();
    const made = authenticator();
    const [member, other] = [id('mem'), org.member('member')];
    const credential = credentialOf(made.key);
    org.say(org.owner, { kind: 'member.add', member, name: 'Pia', role: 'owner', credential });
    const remove = { kind: 'member.remove', member: other.id } as const;
    for (const [name, deviation] of Object.entries(violations)) {
      const code = org.refusal(signerOf(made, deviation), remove);
      // Too short to be an assertion at all, it is not of the form.
      expect([name, ['signature_invalid', 'statement_refused'].includes(code ?? '')]).toEqual([name, true]);
    }
    const recover = {
      kind: 'recovery.credential',
      member: other.id,
      credential: credentialOf(authenticator().key, ['view']),
    } as const;
    const withBadOne = { cosigners: [signerOf(made, violations['without user verification'])] };
    expect(org.refusal(org.owner, recover, withBadOne)).toBe('signature_invalid');
    expect(org.refusal(org.owner, recover, { cosigners: [signerOf(made)] })).toBeUndefined();
    expect(org.refusal(signerOf(made), remove)).toBeUndefined();
  });

  test('has a key on P-256, a relying party and 1 to 8 of its origins, and nothing else', () => {
    const org = organization();
    const good = credentialOf(authenticator().key, ['view']);
    const without = (name: string) => Object.fromEntries(Object.entries(good).filter(([n]) => n !== name));
    const many = Array.from({ length: 9 }, (_, i) => `https://o${i}.${rpId}`);
    const add = (credential: object) => {
      const member = { kind: 'member.add', member: id('mem'), name: 'Pia', role: 'member' } as const;
      return org.refusal(org.owner, { ...member, credential } as any);
    };
    expect([good, { ...good, origins: many.slice(1) }].map(add)).toEqual([undefined, undefined]);
    const bad = [
      without('rpId'),
      without('origins'),
      without('scopes'),
      { ...good, rpId: 'com' },
      { ...good, rpId: 'Wallet.example.com' },
      { ...good, rpId: 'other.example.com' },
      { ...good, origins: [] },
      { ...good, origins: many },
      { ...good, origins: [origins[0], origins[0]] },
      { ...good, origins: ['https://wallet.example.org'] },
      { ...good, origins: ['http://wallet.example.com'] },
      { ...good, origins: origins[0] },
      { ...good, attestation: 'none' },
      { ...good, algorithm: 'webauthn-rs256' },
      { ...good, algorithm: 'webauthn-eddsa' },
      { ...good, algorithm: 'ecdsa-p256-sha256' },
      { ...without('rpId'), algorithm: 'ecdsa-p256-sha256' },
      { ...good, publicKey: newKey().publicKey },
      { ...good, publicKey: `${good.publicKey.slice(0, -4)}AAAA` },
      { ...good, publicKey: toBase64url(new Uint8Array(65).fill(4)) },
    ];
    expect(bad.map(add)).toEqual(bad.map(() => 'statement_refused'));
  });

  test('algorithms that are not there are refused by name', () => {
    const org = organization();
    const credential = { ...credentialOf(authenticator().key), algorithm: 'webauthn-rs256' };
    const content = { kind: 'member.add', member: id('mem'), name: 'Pia', role: 'member', credential } as any;
    expect(problemsOf(org.signed(org.owner, content))).toContainEqual({
      pointer: '/statement/credential/algorithm',
      detail: 'must be one of ed25519, ecdsa-p256-sha256, webauthn-es256',
    });
  });

  test('is no API key', () => {
    const org = organization();
    const { key } = authenticator();
    const made = { apiKey: id('apk'), name: 'app', role: 'member', scopes: { '*': ['view'] } } as const;
    const { id: apiKey } = org.apiKey({ '*': ['view'] });
    const overlapUntil = iso(org.nowMs + day);
    const { algorithm, publicKey } = key;
    for (const credential of [key, { ...key, scopes: ['view'] }, { algorithm, publicKey }] as any[]) {
      expect(org.refusal(org.owner, { kind: 'api_key.create', ...made, credential })).toBe(
        'statement_refused',
      );
      expect(org.refusal(org.owner, { kind: 'api_key.rotate', apiKey, credential, overlapUntil })).toBe(
        'statement_refused',
      );
    }
  });
});

describe('a relying party', () => {
  test('is a domain in its one form, or localhost', () => {
    const good = ['example.com', rpId, 'localhost', 'xn--bcher-kva.example', `a.${'b'.repeat(63)}.ch`];
    expect(good.filter((id) => !isRpId(id))).toEqual([]);
    const bad = [
      '',
      'com',
      'Example.com',
      'example.com.',
      '.example.com',
      'a..b',
      '127.0.0.1',
      '[::1]',
      'a.1',
    ];
    const worse = [
      'https://a.b',
      'a.b:1',
      'a_b.ch',
      '-a.ch',
      'a-.ch',
      'bücher.ch',
      `${'b'.repeat(64)}.ch`,
      7,
      null,
    ];
    expect([...bad, ...worse, `${'a.'.repeat(127)}ch`].filter(isRpId)).toEqual([]);
  });

  test.each([
    [rpId, 'https://wallet.example.com', true],
    [rpId, 'https://wallet.example.com:8443', true],
    [rpId, 'https://a.b.wallet.example.com', true],
    ['localhost', 'http://localhost', true],
    ['localhost', 'http://localhost:3000', true],
    ['localhost', 'https://localhost', true],
    ['localhost', 'https://localhost.example.com', false],
    ['localhost', 'http://a.localhost', false],
    ['localhost', 'http://127.0.0.1', false],
    [rpId, 'http://wallet.example.com', false],
    [rpId, 'http://localhost', false],
    [rpId, 'https://example.com', false],
    [rpId, 'https://evilwallet.example.com', false],
    [rpId, 'https://wallet.example.com:443', false],
    ['localhost', 'http://localhost:80', false],
    [rpId, 'https://wallet.example.com:0', false],
    [rpId, 'https://wallet.example.com:65536', false],
    [rpId, 'https://wallet.example.com/', false],
    [rpId, 'https://user@wallet.example.com', false],
    [rpId, 'https://Wallet.example.com', false],
    [rpId, 'android:apk-key-hash:abc', false],
    [rpId, 'null', false],
    [rpId, undefined, false],
  ])('%s, origin %s: %s', (id, origin, expected) => {
    expect(isOriginOf(id, origin)).toBe(expected);
  });

  test('the origins of the authenticator of these tests are its own', () => {
    expect(origins.every((origin) => isOriginOf(rpId, origin))).toBe(true);
  });
});
