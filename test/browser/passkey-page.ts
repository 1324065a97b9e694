/**
 * What an app does with passkeys, in its page. Nothing here is known to Node.
 * @module
 */
import {
  type CredentialKey,
  createPasskey,
  type Identities,
  join,
  type Passkey,
  Planbok,
  passkeyCredential,
  readInvitation,
} from '../../client/index.ts';
import { browserAuthenticators } from '../../client/webauthn-api.ts';
import { fromBase64url, toBase64url, utf8 } from '../../shared/bytes.ts';
import { encodeAssertion, webauthnChallenge } from '../../shared/registry/webauthn.ts';

export interface Account {
  readonly url: string;
  readonly organization: string;
  readonly identities: Identities;
}

/** The passkey without any check here: what a page of an attacker, or one with a fault, would send. */
function unchecked({ webauthnId = '', publicKey, rpId, origins }: Passkey, verified: boolean): CredentialKey {
  const userVerification = verified ? 'required' : 'discouraged';
  return {
    algorithm: 'webauthn-es256',
    publicKey: fromBase64url(publicKey),
    rpId,
    origins,
    async sign(message) {
      const got = await browserAuthenticators().get({
        publicKey: {
          challenge: Uint8Array.from(webauthnChallenge(message)),
          rpId,
          allowCredentials: [{ type: 'public-key', id: Uint8Array.from(fromBase64url(webauthnId)) }],
          userVerification: userVerification as 'required',
          timeout: 10_000,
        },
      });
      if (got === null) throw new Error('no assertion');
      return encodeAssertion({
        authenticatorData: new Uint8Array(got.response.authenticatorData),
        clientDataJSON: new Uint8Array(got.response.clientDataJSON),
        signature: new Uint8Array(got.response.signature),
      });
    },
  };
}

const clientOf = (account: Account, credential: CredentialKey) =>
  new Planbok({ ...account, credential, retries: 0 });

const app = {
  make: (name: string, origins?: readonly string[]): Promise<Passkey> =>
    createPasskey({
      rp: { id: 'localhost', name: 'Planbok' },
      user: { name, displayName: name },
      ...(origins && { origins }),
    }),
  /** Accepts an invitation. */
  async enrol(token: string, name: string, passkey: Passkey) {
    const invitation = readInvitation(token);
    const { api: url, identities, organization } = invitation;
    const joined = await join({}, invitation, name, passkeyCredential(passkey));
    return { account: { url, identities, organization } satisfies Account, member: joined.member };
  },
  sign: (account: Account, passkey: Passkey, wallet: string, message: string) =>
    clientOf(account, passkeyCredential(passkey)).signatures.create({
      wallet,
      payload: { kind: 'message', message },
    }),
  remove: (account: Account, passkey: Passkey, member: string) =>
    clientOf(account, passkeyCredential(passkey)).members.remove(member),
  /** base64url of what stands for a signature over the text. */
  assertion: async (passkey: Passkey, text: string) =>
    toBase64url(await passkeyCredential(passkey).sign(utf8(text))),
  uncheckedAssertion: async (passkey: Passkey, text: string, verified: boolean) =>
    toBase64url(await unchecked(passkey, verified).sign(utf8(text))),
  uncheckedSign: (account: Account, passkey: Passkey, wallet: string, verified: boolean) =>
    clientOf(account, unchecked(passkey, verified)).signatures.create({
      wallet,
      payload: { kind: 'message', message: 'unchecked' },
    }),
};

export type App = typeof app;
Object.assign(globalThis, { app });
