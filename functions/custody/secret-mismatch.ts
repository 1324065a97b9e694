/**
 * The one answer to whatever is wrong with a secret that a client gave.
 * @module
 */

/**
 * The sealed secret does not open, or its wrap key is another one. No route takes secrets yet; the one that will
 * answers this with a code of its own.
 */
export class SecretMismatch extends Error {
  override readonly name = 'SecretMismatch';
}
