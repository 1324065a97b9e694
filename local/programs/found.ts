/**
 * Founds the local organization, once, through the API like everybody else, and hands over its owner's
 * credential. A process of its own: it holds that key for as long as it takes.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { ed25519Key } from '../../client/credential.ts';
import { foundOrganization } from '../../client/organizations.ts';
import { ownerFile } from '../../client/owner.ts';
import { runChild, setting } from './child.ts';

const random = (length: number) => new Uint8Array(randomBytes(length));

runChild(async () => {
  const identities = { node1: setting('PLANBOK_IDENTITY_1'), node2: setting('PLANBOK_IDENTITY_2') };
  const seed = random(32);
  const wire = {
    url: setting('PLANBOK_API'),
    fetch: (url: string, init: RequestInit) => fetch(url, init),
    now: Date.now,
    random,
    sleep: (ms: number) => new Promise<void>((done) => setTimeout(done, ms)),
    timeoutMs: 10_000,
    retries: 3,
    onProgress: () => {},
  };
  const { id } = await foundOrganization(wire, identities, {
    name: 'Local organization',
    owner: { name: 'Owner', credential: ed25519Key(seed) },
  });
  return { tells: { owner: JSON.stringify(ownerFile(id, seed, identities)) }, stop: async () => {} };
});
