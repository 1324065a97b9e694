/**
 * Mails as bytes, read by another program's parser; what names and addresses can and cannot do in them.
 */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import PostalMime from 'postal-mime';
import { outbox } from '../../functions/adapters/outbox.ts';
import { invitationMail } from '../../functions/mail/invitation.ts';
import { messageBytes } from '../../functions/mail/message.ts';

const envelope = { from: 'Planbok <planbok@local.invalid>', messageId: 'x@local.invalid', dateMs: 0 };
const bytesOf = (mail: Partial<Parameters<typeof messageBytes>[0]>) =>
  messageBytes({ to: 'bob@example.org', subject: 's', text: 't', ...mail }, envelope);
const headersOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1').split('\r\n\r\n')[0] ?? '';

describe('a message', () => {
  test.each([
    ['plain', 'Hello', 'One line'],
    ['long', 'word '.repeat(60).trim(), `${'x'.repeat(2_000)}\nend`],
    ['other scripts', 'Zażółć gęślą jaźń — 招待状 👩‍👩‍👧 '.repeat(5).trim(), 'naïve — 招待\n\n.\n'],
  ])('comes out as it went in: %s', async (_, subject, text) => {
    const bytes = bytesOf({ subject, text });
    const mail = await PostalMime.parse(bytes);
    expect(mail.subject).toBe(subject);
    expect(mail.text?.replaceAll('\r\n', '\n').trimEnd()).toBe(text.trimEnd());
    expect([mail.from?.address, mail.to?.map(({ address }) => address)]).toEqual([
      'planbok@local.invalid',
      ['bob@example.org'],
    ]);
    expect([mail.messageId, Date.parse(mail.date ?? '')]).toEqual(['<x@local.invalid>', 0]);
    // RFC 5322, 2.1.1, and no byte that a relay would touch.
    const raw = Buffer.from(bytes).toString('latin1');
    for (const line of raw.split('\r\n')) expect(line.length).toBeLessThanOrEqual(76);
    expect(raw).toMatch(/^[\r\n\x20-\x7e]*$/);
    expect(raw.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  });

  test('has the headers that it should, whatever stands in the subject and the body', async () => {
    const evil = 'Hi\r\nBcc: eve@example.org\r\n\r\n<b>other body</b>\r\n--boundary';
    const bytes = bytesOf({ subject: evil, text: evil });
    const names = headersOf(bytes)
      .replace(/\r\n /g, ' ')
      .split('\r\n')
      .map((line) => line.split(':')[0]);
    expect(names).toEqual([
      'From',
      'To',
      'Subject',
      'Date',
      'Message-ID',
      'Auto-Submitted',
      'MIME-Version',
      'Content-Type',
      'Content-Transfer-Encoding',
    ]);
    const mail = await PostalMime.parse(bytes);
    expect([mail.bcc, mail.html, mail.attachments]).toEqual([undefined, undefined, []]);
    expect(mail.text).toContain('Bcc: eve@example.org');
  });

  test.each([
    'bob@example.org\r\nBcc: eve@example.org',
    'bob@example.org, eve@example.org',
    'Bob <bob@example.org>',
    'bob@example.org\n',
    'bób@example.org',
    'bob',
    '@example.org',
    '"a b"@example.org',
  ])('goes to one address: not %j', (to) => {
    expect(() => bytesOf({ to })).toThrow(expect.objectContaining({ code: 'mail_unavailable' }));
  });
});

test('names in an invitation cannot hide anything, and the command is there to copy', async () => {
  const mail = invitationMail({
    to: 'bob@example.org',
    terms: { organization: 'org_x', role: 'member', expires: '2030-01-01T00:00:00Z' },
    organizationName: 'Acme\u202e',
    inviter: 'Ada\nRun: rm -rf /',
    api: 'https://api.example.com',
    message: 'Welcome\u0007',
    code: 'inm_a.b',
  });
  expect(mail.subject).toBe('Ada\\u{a}Run: rm -rf / invites you to join Acme\\u{202e}');
  for (const hidden of ['\u202e', '\u0007']) expect(mail.text).not.toContain(hidden);
  expect(mail.text).not.toMatch(/^Run: rm/m);
  expect(mail.text).toContain(
    '\n  planbok join inm_a.b --organization org_x --api https://api.example.com --name "Your name" --out planbok-credential.json\n',
  );
});

test('the outbox holds whole files that only their owner reads; a broken one is said so, without the address', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'planbok-outbox-'));
  try {
    const mailer = outbox(folder, () => 1_000);
    for (let i = 0; i < 3; i++) await mailer.send({ to: 'bob@example.org', subject: 'Hi', text: `${i}` });
    const names = await readdir(folder);
    expect(names).toHaveLength(3);
    for (const name of names) {
      expect(name).toMatch(/^1970-01-01T00-00-01\.000Z-[0-9a-f-]{36}\.eml$/);
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
      expect((await PostalMime.parse(await readFile(join(folder, name)))).subject).toBe('Hi');
    }
    const broken = outbox(join(folder, 'nowhere'), () => 1_000);
    const failure = await broken.send({ to: 'bob@example.org', subject: 'Hi', text: '' }).catch((e) => e);
    expect(failure).toMatchObject({ code: 'mail_unavailable' });
    expect([failure.cause, failure.message]).toEqual([undefined, 'the outbox cannot be written: ENOENT']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
