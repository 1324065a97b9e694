/**
 * Argon2id (RFC 9106) in numbered profiles, behind a port, so that a browser runs it in a worker. No profile is
 * used before the implementation has given a known answer in it: a wrong Argon2id would lock its user out.
 * @module
 */
import { type Bytes, equalBytes, fromHex, utf8 } from '../bytes.ts';

/** The numbers of one computation. */
export interface Argon2Costs {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
}

/** What a platform provides: Argon2id, version 0x13, without secret and associated data; 32 bytes. */
export type Argon2id = (password: Bytes, salt: Bytes, costs: Argon2Costs) => Promise<Bytes>;

/** Stored by number beside the salt. A number never changes its meaning; new costs get a new number. */
export const profiles = {
  /** 64 MiB: RFC 9106, section 4, second choice, with one lane because browsers have one. */
  1: { memoryKiB: 65_536, passes: 3, lanes: 1 },
  /** 19 MiB: the floor, for devices that cannot give 64. */
  2: { memoryKiB: 19_456, passes: 2, lanes: 1 },
} as const satisfies Record<number, Argon2Costs>;
export type Profile = keyof typeof profiles;
export const defaultProfile: Profile = 1;

export const isProfile = (n: unknown): n is Profile => n === 1 || n === 2;

export const saltBytes = 32;

/** Of the password `123456` and the salt 00 01 … 1f, on which hash-wasm and @noble/hashes agree. */
const knownAnswers: Readonly<Record<Profile, Bytes>> = {
  1: fromHex('481bda6e40e04cd11e4383557a6f442a2cf0e6984000dde853b5f94f1a4b7ad0'),
  2: fromHex('b72b7ca883f75954a36785769381158a7a98c1bfef21c2788676251973783a4c'),
};

/** `profile`, password and salt to 32 bytes. The caller wipes what it gave and what it got. */
export type Stretch = (profile: Profile, password: Bytes, salt: Bytes) => Promise<Bytes>;

/**
 * Argon2id that is tested before it is used, once per profile. The stretching itself throws a `RangeError` on a
 * salt that has not 32 bytes, an `Error` if the known answer is another one, and what the platform throws, such
 * as for want of memory.
 */
export function stretchingWith(argon2id: Argon2id): Stretch {
  const tests = new Map<Profile, Promise<void>>();
  const test = async (profile: Profile): Promise<void> => {
    const salt = Uint8Array.from({ length: saltBytes }, (_, i) => i);
    const answer = await argon2id(utf8('123456'), salt, profiles[profile]);
    if (!equalBytes(answer, knownAnswers[profile]))
      throw new Error('Argon2id computes wrongly on this device');
  };
  return async (profile, password, salt) => {
    if (salt.length !== saltBytes) throw new RangeError(`a salt has ${saltBytes} bytes`);
    const tested = tests.get(profile) ?? test(profile);
    tests.set(profile, tested);
    // A device that lacked memory may have it later: only success is remembered.
    await tested.catch((error: unknown) => {
      tests.delete(profile);
      throw error;
    });
    return argon2id(password, salt, profiles[profile]);
  };
}
