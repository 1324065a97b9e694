/**
 * A mail as bytes: RFC 5322 headers, RFC 2047 for what is not ASCII, and a text body in base64 (RFC 2045, 6.8).
 * Nothing in a subject or a body can become a header or another part.
 * @module
 */
import { type Bytes, utf8 } from '#shared/bytes.ts';
import { CustodyError } from '#shared/errors.ts';
import type { Mail } from './mailer.ts';

export interface Envelope {
  /** As the header has it. */
  readonly from: string;
  /** Without angle brackets. */
  readonly messageId: string;
  readonly dateMs: number;
}

/** RFC 2047, 2: a line with encoded words has at most 76 characters; `Subject: ` and the word's own 12 leave 55. */
const wordBytes = 39;
/** RFC 2045, 6.8. */
const lineCharacters = 76;

/** One dot-atom address (RFC 5322, 3.4.1), of ASCII: no name, no comment, no list, nothing that ends a line. */
const addressPattern = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,190}$/;

/** @throws {CustodyError} `mail_unavailable` if the address is none that can stand in a header */
export function messageBytes({ to, subject, text }: Mail, { from, messageId, dateMs }: Envelope): Bytes {
  if (!addressPattern.test(to)) throw new CustodyError('mail_unavailable', 'no mail goes to such an address');
  const body = Buffer.from(text.replace(/\r?\n/g, '\r\n'), 'utf8').toString('base64');
  const lines = body.match(new RegExp(`.{1,${lineCharacters}}`, 'g')) ?? [];
  const head = [
    `From: ${from}`,
    `To: ${to}`,
    `Subject: ${encodedWords(subject)}`,
    `Date: ${new Date(dateMs).toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${messageId}>`,
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
  ];
  return utf8([...head, '', ...lines, ''].join('\r\n'));
}

/** Always encoded, so that nothing in it has a meaning; folded between words, which keep whole characters. */
function encodedWords(text: string): string {
  const words: string[] = [];
  let word = '';
  for (const character of text) {
    if (Buffer.byteLength(word + character) > wordBytes) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  return [...words, word].map((one) => `=?utf-8?B?${Buffer.from(one).toString('base64')}?=`).join('\r\n ');
}
