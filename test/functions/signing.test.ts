import { beforeAll, describe, expect, test } from '@jest/globals';
import { fromHex, toBase64url } from '../../shared/bytes.ts';
import { decodePayload, type SignPayload, verifySigned } from '../../shared/chains/payload.ts';
import { signatureOperation, walletSetOperation, walletsOperation } from '../../shared/intent/build.ts';
import { fresh, type Owner, owner, twoNodes, type World } from '../support/two-nodes.ts';

const key = () => toBase64url(fresh(9));

describe('the main job, both nodes in one process', () => {
  let world: World;
  let alice: Owner;
  let set: any;

  beforeAll(async () => {
    world = await twoNodes();
    alice = owner(world);
    expect((await world.fetch(await alice.found())).status).toBe(201);
    const body = { name: 'Treasury', custody: 'standard', keyTypes: ['secp256k1', 'ed25519'] } as const;
    const operation = walletSetOperation(alice.organization, key(), body);
    const made = await world.fetch(await alice.ask('/v1/wallet-sets', body, operation));
    expect(made.body).toMatchObject({ state: 'active' });
    set = made.body;
  });

  const wallets = async (blockchains: any) => {
    const body = { walletSet: set.id, blockchains };
    const operation = walletsOperation(alice.organization, key(), body);
    return world.fetch(await alice.ask('/v1/wallets', body, operation));
  };

  const walletKey = (w: any) => ({ ...w, publicKey: fromHex(w.publicKey) });

  const sign = async (w: any, payload: SignPayload, idempotencyKey = key()) => {
    const decoded = decodePayload(payload, walletKey(w));
    const operation = signatureOperation(alice.organization, idempotencyKey, w, payload, decoded);
    const reply = await world.fetch(
      await alice.ask(`/v1/wallets/${w.id}/signatures`, { payload }, operation),
    );
    return { reply, decoded };
  };

  test('an app signs an EVM message and a Solana message with keys that no node has whole', async () => {
    const { body } = await wallets(['ETH', 'SOL']);
    for (const w of body.data) {
      const payload: SignPayload = { kind: 'message', blockchain: w.blockchain, message: 'hello' };
      const { reply, decoded } = await sign(w, payload);
      expect(reply.body).toMatchObject({ state: 'completed' });
      expect(verifySigned(payload, walletKey(w), decoded, reply.body)).toBe(true);
    }
  });
});
