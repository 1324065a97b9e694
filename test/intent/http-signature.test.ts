import { beforeAll, describe, expect, test } from '@jest/globals';
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { base64 } from '@scure/base';
import fc from 'fast-check';
import { type Bytes, concat, toBase64url, utf8 } from '../../shared/bytes.ts';
import { CustodyError } from '../../shared/errors.ts';
import {
  type ActorRequest,
  contentDigestOf,
  type RequestSigner,
  signatureBase,
  signatureHeaders,
  signHttpRequest,
  type UnsignedRequest,
  verifyHttpSignature,
} from '../../shared/intent/http-signature.ts';
import { type Credential, credentialId } from '../../shared/registry/statement.ts';

const now = 1_800_000_000;
const nonce = toBase64url(new Uint8Array(16).fill(7));
const times = { created: now, expires: now + 60, nonce };
const edSeed = new Uint8Array(32).fill(1);
const p256Key = new Uint8Array(32).fill(2);

const ed: Credential = {
  algorithm: 'ed25519',
  publicKey: toBase64url(ed25519.getPublicKey(edSeed)),
  scopes: ['view'],
};
const p: Credential = {
  algorithm: 'ecdsa-p256-sha256',
  publicKey: toBase64url(p256.getPublicKey(p256Key, false)),
  scopes: ['view'],
};
const registry = new Map([ed, p].map((c) => [credentialId(c), c]));
const edSigner: RequestSigner = {
  keyId: `org_${'a'.repeat(52)}/${credentialId(ed)}`,
  algorithm: 'ed25519',
  sign: async (m) => ed25519.sign(m, edSeed),
};
const pSigner: RequestSigner = {
  keyId: `org_${'a'.repeat(52)}/${credentialId(p)}`,
  algorithm: 'ecdsa-p256-sha256',
  sign: async (m) => p256.sign(m, p256Key),
};

const write: UnsignedRequest = {
  method: 'POST',
  path: '/v1/wallets',
  query: '?',
  idempotencyKey: 'k-1',
  body: utf8('{"a":"b"}'),
};
const read: UnsignedRequest = {
  method: 'GET',
  path: '/v1/wallets',
  query: '?limit=10&cursor=a%3D%3D',
  idempotencyKey: '',
  body: new Uint8Array(),
};
const preview: UnsignedRequest = { ...write, path: '/v1/signatures/preview', idempotencyKey: '' };

const verify = (request: ActorRequest, atMs = now * 1000) =>
  verifyHttpSignature(request, (id) => registry.get(id.split('/')[1] ?? ''), atMs);

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (e) {
    if (e instanceof CustodyError) return e.code;
    throw e;
  }
  return 'accepted';
}

/** Signed by us, but with any components and parameters: what a looser signer could produce. */
async function handSigned(
  request: ActorRequest,
  covered: readonly (readonly [component: string, value: string])[],
  tail: string,
): Promise<ActorRequest> {
  const params = `(${covered.map(([name]) => name).join(' ')})${tail}`;
  const lines = covered.map(([name, value]) => `${name}: ${value}`);
  const bytes = utf8([...lines, `"@signature-params": ${params}`].join('\n'));
  const signature = base64.encode(await edSigner.sign(bytes));
  return { ...request, signatureInput: `planbok=${params}`, signature: `planbok=:${signature}:` };
}

describe('signed requests', () => {
  test('the signature base is that of RFC 9421, B.2.6, and its Ed25519 signature verifies', () => {
    const base = signatureBase(
      [
        ['date', 'Tue, 20 Apr 2021 02:07:55 GMT'],
        ['@method', 'POST'],
        ['@path', '/foo'],
        ['@authority', 'example.com'],
        ['content-type', 'application/json'],
        ['content-length', '18'],
      ],
      '("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
    );
    const key = base64.decode('JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=');
    const signature = base64.decode(
      'wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==',
    );
    expect(ed25519.verify(signature, base, key, { zip215: false })).toBe(true);
  });

  test('the content digest is that of RFC 9530, appendix D, and of RFC 9421, B.2', () => {
    expect(contentDigestOf(utf8('{"hello": "world"}'))).toBe(
      'sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:',
    );
  });

  test.each([
    ['a mutation', write],
    ['a read', read],
    ['a preview', preview],
  ] as const)('%s that either kind of key signed is accepted', async (_, request) => {
    for (const [signer, credential] of [
      [edSigner, ed],
      [pSigner, p],
    ] as const) {
      const signed = await signHttpRequest(request, signer, times);
      expect(verify(signed)).toEqual({ keyId: signer.keyId, ...times, credential });
    }
  });

  test('covered components and parameters stand in one order', async () => {
    const { signatureInput } = await signHttpRequest(write, edSigner, times);
    expect(signatureInput).toBe(
      `planbok=("@method" "@path" "@query" "content-digest" "idempotency-key");created=${now};expires=${now + 60};nonce="${nonce}";keyid="${edSigner.keyId}";alg="ed25519"`,
    );
    expect(Object.keys(signatureHeaders(await signHttpRequest(read, edSigner, times)))).toEqual([
      'signature-input',
      'signature',
    ]);
  });

  test('every flipped bit of every part is refused', async () => {
    for (const signer of [edSigner, pSigner]) {
      const signed = await signHttpRequest(write, signer, times);
      const fields = [
        'method',
        'path',
        'query',
        'contentDigest',
        'idempotencyKey',
        'signatureInput',
        'signature',
      ] as const;
      for (const field of fields) {
        const text = signed[field];
        // P-256 verification is slow: a bit of each character, and every bit with the faster key.
        for (let i = 0; i < text.length; i++) {
          const bit = 1 << (i % 6);
          const changed =
            text.slice(0, i) + String.fromCharCode(text.charCodeAt(i) ^ bit) + text.slice(i + 1);
          expect([field, i, codeOf(() => verify({ ...signed, [field]: changed }))]).not.toEqual([
            field,
            i,
            'accepted',
          ]);
        }
      }
      for (let i = 0; i < signed.body.length * 8; i++) {
        const body = Uint8Array.from(signed.body);
        body[i >> 3] = (body[i >> 3] as number) ^ (1 << (i & 7));
        expect(codeOf(() => verify({ ...signed, body }))).toBe('signature_invalid');
      }
    }
  });

  test('a body with its own right digest is not what was signed', async () => {
    const signed = await signHttpRequest(write, edSigner, times);
    const body = utf8('{"a":"c"}');
    const swapped = { ...signed, body, contentDigest: contentDigestOf(body) };
    expect(codeOf(() => verify(swapped))).toBe('signature_invalid');
  });

  test('the clock must lie between created (with tolerance) and expires', async () => {
    const signed = await signHttpRequest(write, edSigner, times);
    expect(codeOf(() => verify(signed, (now - 30) * 1000))).toBe('accepted');
    expect(codeOf(() => verify(signed, (now - 31) * 1000))).toBe('authorisation_expired');
    expect(codeOf(() => verify(signed, (now + 60) * 1000))).toBe('accepted');
    expect(codeOf(() => verify(signed, (now + 60) * 1000 + 1))).toBe('authorisation_expired');
  });

  test('a life longer than 120 s, none, or a negative one is refused', async () => {
    for (const life of [121, 0, -1, 1e9]) {
      const signed = await signHttpRequest(write, edSigner, { ...times, expires: now + life });
      expect(codeOf(() => verify(signed))).toBe('signature_invalid');
    }
  });

  test('a key that is not registered is unknown, one registered for another algorithm is refused', async () => {
    const signed = await signHttpRequest(write, edSigner, times);
    expect(codeOf(() => verifyHttpSignature(signed, () => undefined, now * 1000))).toBe('credential_unknown');
    expect(codeOf(() => verifyHttpSignature(signed, () => p, now * 1000))).toBe('signature_invalid');
    const liar = await signHttpRequest(write, { ...pSigner, algorithm: 'ed25519' }, times);
    expect(codeOf(() => verify(liar))).toBe('signature_invalid');
  });

  test('P-256 signatures count with either s: replays are caught by the nonce, not by the signature', async () => {
    const signed = await signHttpRequest(write, pSigner, times);
    const bytes = base64.decode(signed.signature.slice('planbok=:'.length, -1));
    const { r, s } = p256.Signature.fromBytes(bytes, 'compact');
    const other = new p256.Signature(r, p256.Point.Fn.neg(s)).toBytes('compact');
    expect(verify({ ...signed, signature: `planbok=:${base64.encode(other)}:` }).nonce).toBe(nonce);
    const der = p256.Signature.fromBytes(bytes, 'compact').toBytes('der');
    expect(codeOf(() => verify({ ...signed, signature: `planbok=:${base64.encode(der)}:` }))).toBe(
      'signature_invalid',
    );
  });

  test('an Ed25519 signature with s + L is refused', async () => {
    const signed = await signHttpRequest(write, edSigner, times);
    const bytes = base64.decode(signed.signature.slice('planbok=:'.length, -1));
    let s = 0n;
    for (let i = 63; i >= 32; i--) s = (s << 8n) | BigInt(bytes[i] as number);
    s += ed25519.Point.Fn.ORDER;
    const tail = Uint8Array.from({ length: 32 }, (_, i) => Number((s >> BigInt(8 * i)) & 255n));
    const other = base64.encode(concat(bytes.slice(0, 32), tail));
    expect(codeOf(() => verify({ ...signed, signature: `planbok=:${other}:` }))).toBe('signature_invalid');
  });

  describe('forms that a looser verifier would take, each with a signature that is right for it', () => {
    const tail = `;created=${now};expires=${now + 60};nonce="${nonce}";keyid="${edSigner.keyId}";alg="ed25519"`;
    const digest = contentDigestOf(write.body);
    const method = ['"@method"', 'POST'] as const;
    const path = ['"@path"', '/v1/wallets'] as const;
    const query = ['"@query"', '?'] as const;
    const content = ['"content-digest"', digest] as const;
    const key = ['"idempotency-key"', 'k-1'] as const;
    const all = [method, path, query, content, key];
    const signed = signHttpRequest(write, edSigner, times);

    test('the form itself is accepted, so that the refusals below are not about something else', async () => {
      expect(codeOf(() => verify(awaited))).toBe('accepted');
    });
    let awaited: ActorRequest;
    beforeAll(async () => {
      awaited = await handSigned(await signed, all, tail);
    });

    test.each([
      ['a component left out', [method, path, query, content], tail],
      ['the method left out', [path, query, content, key], tail],
      ['no components', [], tail],
      ['components reordered', [path, method, query, content, key], tail],
      ['a component twice', [...all, key], tail],
      ['an extra component', [...all, ['"@authority"', 'example.com']], tail],
      ['a flag bs', [method, path, query, content, ['"idempotency-key";bs', ':ay0x:']], tail],
      ['a flag sf', [method, path, query, ['"content-digest";sf', digest], key], tail],
      ['a flag req', [['"@method";req', 'POST'], path, query, content, key], tail],
      ['a flag tr', [method, path, query, content, ['"idempotency-key";tr', 'k-1']], tail],
      [
        'a dictionary key',
        [method, path, query, ['"content-digest";key="sha-256"', digest.slice(8)], key],
        tail,
      ],
      ['upper-case names', [method, path, query, ['"Content-Digest"', digest], key], tail],
      ['tokens for names', [method, path, query, ['content-digest', digest], key], tail],
      ['a parameter twice', all, `;created=1${tail}`],
      ['an extra parameter', all, `${tail};tag="x"`],
      [
        'parameters reordered',
        all,
        `;expires=${now + 60};created=${now}${tail.slice(tail.indexOf(';nonce'))}`,
      ],
      ['no created', all, tail.replace(`;created=${now}`, '')],
      ['no expires', all, tail.replace(`;expires=${now + 60}`, '')],
      ['no nonce', all, tail.replace(`;nonce="${nonce}"`, '')],
      ['no alg', all, tail.replace(';alg="ed25519"', '')],
      ['no keyid', all, tail.replace(`;keyid="${edSigner.keyId}"`, '')],
      ['alg in capitals', all, tail.replace('ed25519', 'Ed25519')],
      ['alg as a token', all, tail.replace('"ed25519"', 'ed25519')],
      ['another alg', all, tail.replace('ed25519', 'hmac-sha256')],
      ['a nonce as bytes', all, tail.replace(`"${nonce}"`, ':BwcHBwcHBwcHBwcHBwcHBw==:')],
      ['a short nonce', all, tail.replace(nonce, 'BwcH')],
      ['a nonce that is not canonical', all, tail.replace(nonce, `${nonce.slice(0, -1)}x`)],
      ['a decimal time', all, tail.replace(`created=${now}`, `created=${now}.0`)],
      ['a date', all, tail.replace(`created=${now}`, `created=@${now}`)],
      ['a time with leading zeros', all, tail.replace(`created=${now}`, `created=00${now}`)],
      ['a time as a string', all, tail.replace(`created=${now}`, `created="${now}"`)],
      ['a space after the semicolon', all, tail.replace(';expires', '; expires')],
      ['a true flag', all, `${tail};x`],
    ] as const)('%s', async (_, covered, params) => {
      const request = await handSigned(await signed, covered as typeof all, params);
      expect(codeOf(() => verify(request))).toBe('signature_invalid');
    });

    test.each([
      ['two labels', (r: ActorRequest) => ({ ...r, signatureInput: `${r.signatureInput}, b=("@method")` })],
      [
        'two labels in both headers',
        (r: ActorRequest) => ({
          ...r,
          signatureInput: `${r.signatureInput}, b=${r.signatureInput.slice(8)}`,
          signature: `${r.signature}, b=${r.signature.slice(8)}`,
        }),
      ],
      [
        'the header twice',
        (r: ActorRequest) => ({ ...r, signatureInput: `${r.signatureInput}, ${r.signatureInput}` }),
      ],
      ['the signature twice', (r: ActorRequest) => ({ ...r, signature: `${r.signature}, ${r.signature}` })],
      [
        'another label',
        (r: ActorRequest) => ({
          ...r,
          signatureInput: r.signatureInput.replace('planbok', 'sig1'),
          signature: r.signature.replace('planbok', 'sig1'),
        }),
      ],
      [
        'the label in capitals',
        (r: ActorRequest) => ({ ...r, signatureInput: r.signatureInput.replace('p', 'P') }),
      ],
      ['white space before', (r: ActorRequest) => ({ ...r, signatureInput: ` ${r.signatureInput}` })],
      ['white space after', (r: ActorRequest) => ({ ...r, signature: `${r.signature} ` })],
      [
        'two spaces between components',
        (r: ActorRequest) => ({ ...r, signatureInput: r.signatureInput.replace('" "', '"  "') }),
      ],
      ['a signature with parameters', (r: ActorRequest) => ({ ...r, signature: `${r.signature};a=1` })],
      [
        'a signature as a string',
        (r: ActorRequest) => ({ ...r, signature: `planbok="${r.signature.slice(9, -1)}"` }),
      ],
      [
        'a signature as a list',
        (r: ActorRequest) => ({ ...r, signature: `planbok=(${r.signature.slice(8)})` }),
      ],
      [
        'a signature without padding',
        (r: ActorRequest) => ({
          ...r,
          signature: r.signature.replaceAll('=:', ':').replace('planbok:', 'planbok=:'),
        }),
      ],
      ['no signature', (r: ActorRequest) => ({ ...r, signature: '' })],
      ['no signature-input', (r: ActorRequest) => ({ ...r, signatureInput: '' })],
      [
        'a very long header',
        (r: ActorRequest) => ({ ...r, signatureInput: `${r.signatureInput}${';a=1'.repeat(1000)}` }),
      ],
      [
        'a digest for another algorithm',
        (r: ActorRequest) => ({ ...r, contentDigest: r.contentDigest.replace('sha-256', 'sha-512') }),
      ],
      [
        'two digests',
        (r: ActorRequest) => ({ ...r, contentDigest: `${r.contentDigest}, md5=:AAAAAAAAAAAAAAAAAAAAAA==:` }),
      ],
      [
        'the digest twice',
        (r: ActorRequest) => ({ ...r, contentDigest: `${r.contentDigest}, ${r.contentDigest}` }),
      ],
      ['no digest', (r: ActorRequest) => ({ ...r, contentDigest: '' })],
      ['the idempotency key twice', (r: ActorRequest) => ({ ...r, idempotencyKey: 'k-1, k-1' })],
      ['no idempotency key', (r: ActorRequest) => ({ ...r, idempotencyKey: '' })],
      ['a line break in the idempotency key', (r: ActorRequest) => ({ ...r, idempotencyKey: 'k-1\n"x": y' })],
      ['the method in small letters', (r: ActorRequest) => ({ ...r, method: 'post' })],
      ['another method', (r: ActorRequest) => ({ ...r, method: 'PUT' })],
      ['no question mark', (r: ActorRequest) => ({ ...r, query: '' })],
    ] as const)('%s', async (_, change) => {
      expect(codeOf(() => verify(change(awaited)))).toBe('signature_invalid');
    });

    test.each(['limit=1', '?a b', '?a=\n', '?a=é', '?a=%2', '?a=%2f', '?a#b', '?a=%zz', '?"'])(
      'the query %j is not signed and not accepted',
      async (bad) => {
        await expect(signHttpRequest({ ...read, query: bad }, edSigner, times)).rejects.toThrow(CustodyError);
        const request = await signHttpRequest(read, edSigner, times);
        const covered = [
          ['"@method"', 'GET'],
          ['"@path"', read.path],
          ['"@query"', bad],
        ] as const;
        expect(codeOf(() => verify({ ...request, query: bad }))).toBe('signature_invalid');
        const forged = await handSigned({ ...request, query: bad }, covered, tail);
        expect(codeOf(() => verify(forged))).toBe('signature_invalid');
      },
    );

    test.each([
      '',
      '/',
      'v1',
      '/v1/',
      '//v1',
      '/v1/../a',
      '/v1/./a',
      '/v1/..',
      '/v1/%61',
      '/v1/a b',
      '/v1/a?b',
      '/v1/é',
    ])('the path %j is not signed and not accepted', async (bad) => {
      await expect(signHttpRequest({ ...write, path: bad }, edSigner, times)).rejects.toThrow(CustodyError);
      const request = { ...(await signed), path: bad };
      const forged = await handSigned(request, [method, ['"@path"', bad], query, content, key], tail);
      expect(codeOf(() => verify(forged))).toBe('signature_invalid');
    });

    test('a read with a body, a digest or an idempotency key is refused', async () => {
      const request = await signHttpRequest(read, edSigner, times);
      for (const change of [
        { body: utf8('x') },
        { contentDigest: contentDigestOf(read.body) },
        { idempotencyKey: 'k' },
      ])
        expect(codeOf(() => verify({ ...request, ...change }))).toBe('signature_invalid');
    });
  });

  test('no header that is made up throws anything but the refusal', async () => {
    const request = await signHttpRequest(write, edSigner, times);
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), fc.string(), (a, b, c) => {
        const made = { ...request, signatureInput: a, signature: b, contentDigest: c };
        expect(codeOf(() => verify(made))).toBe('signature_invalid');
        expect(codeOf(() => verify({ ...request, signatureInput: `planbok=${a}` }))).toBe(
          'signature_invalid',
        );
        expect(codeOf(() => verify({ ...request, signature: `planbok=${b}` }))).toBe('signature_invalid');
      }),
    );
  });

  test('what is signed verifies, whatever the body, key and query', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 64 }),
        fc.stringMatching(/^[A-Za-z0-9._~:-]{3,20}$/),
        fc.webQueryParameters(),
        async (body: Bytes, key, query) => {
          const url = new URLSearchParams(query).toString();
          const request = { ...write, body, idempotencyKey: key, query: `?${url}` };
          expect(verify(await signHttpRequest(request, edSigner, times)).keyId).toBe(edSigner.keyId);
        },
      ),
      { numRuns: 30 },
    );
  });
});
