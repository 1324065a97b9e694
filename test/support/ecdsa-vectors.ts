/**
 * The ECDSA sessions of `test/vectors/ecdsa-dkls23-session.json`, decoded.
 * @module
 */
import { readFileSync } from 'node:fs';
import { type Bytes, concat, fromHex } from '#shared/bytes.ts';
import type { Random } from '#shared/mpc/hash.ts';
import type { EcdsaKeyShare } from '#shared/mpc/key-share.ts';
import { decodePoint, decodeScalar, type Scalar } from '#shared/mpc/secp256k1.ts';
import type { EcdsaRequest } from '#shared/mpc/sign-ecdsa-messages.ts';

interface NodeVector {
  readonly x: string;
  readonly K: readonly (readonly [string, string])[];
  readonly delta: string;
  readonly Kd: readonly string[];
  readonly hedgeSeed: string;
}

interface LongMessage {
  readonly length: number;
  readonly sha256: string;
  readonly head: string;
  readonly afterExt: string;
  readonly firstRow: string;
  readonly afterTr: string;
  readonly fragment: string;
}

export interface SessionVector {
  readonly digest: string;
  readonly path: string;
  readonly tau: string;
  readonly reqHash: string;
  readonly Qprime: string;
  readonly bind: string;
  readonly random: Readonly<Record<'n1' | 's1Fresh' | 'n2' | 's2Fresh' | 's3Fresh' | 's4Fresh', string>>;
  readonly derived: Readonly<
    Record<
      | 'r1'
      | 'phi1'
      | 'rho1'
      | 'r2'
      | 'rho2'
      | 'phi2'
      | 'ssid'
      | 'tr'
      | 'chi1'
      | 'chi2'
      | 'sk1'
      | 'sk2'
      | 'u1'
      | 'w1'
      | 'u2'
      | 'w2',
      string
    >
  > & {
    readonly aHat1: readonly [string, string];
    readonly aHat2: readonly [string, string];
    readonly sFlipped: boolean;
  };
  readonly S1: string;
  /** Whole in some sessions, length and hash in others. */
  readonly S2: string | { readonly length: number; readonly sha256: string };
  readonly S3: LongMessage;
  readonly S4: LongMessage;
  readonly n2State: string;
  readonly reqId: string;
  readonly stateAad: string;
  readonly n2StateSealed: string;
  readonly signature: string;
  readonly recoveryId: number;
}

interface Vectors extends Readonly<Record<'sid' | 'Q' | 'X1' | 'X2' | 'cc' | 'zseed', string>> {
  readonly epoch: number;
  readonly node1: NodeVector;
  readonly node2: NodeVector;
  readonly sessions: readonly SessionVector[];
}

const file = new URL('../vectors/ecdsa-dkls23-session.json', import.meta.url);
const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors;

export const sessions = vectors.sessions;

function shareOf(role: 1 | 2): EcdsaKeyShare {
  const node = role === 1 ? vectors.node1 : vectors.node2;
  return {
    role,
    sid: fromHex(vectors.sid),
    epoch: vectors.epoch,
    Q: decodePoint(fromHex(vectors.Q)),
    X1: decodePoint(fromHex(vectors.X1)),
    X2: decodePoint(fromHex(vectors.X2)),
    cc: fromHex(vectors.cc),
    x: decodeScalar(fromHex(node.x)),
    K: concat(...node.K.flat().map(fromHex)),
    delta: fromHex(node.delta),
    Kd: concat(...node.Kd.map(fromHex)),
    zseed: fromHex(vectors.zseed),
    hedgeSeed: fromHex(node.hedgeSeed),
  };
}

/** The records of the two nodes; fresh copies at every call. */
export const vectorShares = (): readonly [EcdsaKeyShare, EcdsaKeyShare] => [shareOf(1), shareOf(2)];

export const requestOf = (session: SessionVector): EcdsaRequest => ({
  path: session.path,
  tau: decodeScalar(fromHex(session.tau)) as Scalar,
  Q: decodePoint(fromHex(session.Qprime)),
  digest: fromHex(session.digest),
  reqHash: fromHex(session.reqHash),
});

/**
 * Plays recorded values: 32 bytes are a nonce, 64 a hedge's fresh bytes, 48 the mask of a multiplication,
 * which changes no result.
 */
export const playback = (nonce: string | null, fresh: string | null): Random => {
  const left = new Map([
    [32, nonce],
    [64, fresh],
  ]);
  return (n): Bytes => {
    if (n === 48) return new Uint8Array(48).fill(7);
    const value = left.get(n);
    if (!value) throw new RangeError(`nothing recorded for ${n} bytes`);
    left.delete(n);
    return fromHex(value);
  };
};
