/**
 * The webhooks of Node 1: its endpoints and what was sent to them, the keys that sign, and the feed that is sent.
 * @module
 */
import { webhookKeyName } from '#shared/audit/statements.ts';
import { type Bytes, utf8 } from '#shared/bytes.ts';
import { webhookPublicKey } from '#shared/webhooks/signature.ts';
import { type AuditKeys, auditKeys, keyItem } from '../audit/keys.ts';
import { type Feed, feedOver } from '../events/feed.ts';
import type { Node } from '../node.ts';
import type { Table } from '../ports.ts';
import { type Deliveries, deliveriesOver } from '../stores/deliveries.ts';
import type { Vault } from '../stores/vault.ts';
import { type EndpointKey, type Endpoints, endpointsOver } from '../stores/webhooks.ts';

export interface NodeWebhooks {
  readonly endpoints: Endpoints;
  readonly deliveries: Deliveries;
  readonly keys: AuditKeys;
  /** Destroys the first n keys of an endpoint. */
  forgetKeys(endpoint: string, n: number): Promise<void>;
  readonly feed: Feed;
  /** This machine may be sent to, and by plain HTTP: on a laptop. */
  readonly local: boolean;
}

export function nodeWebhooks(node: Node, table: Table, local: boolean): NodeWebhooks {
  const { vault, identity, clock, random } = node;
  const purposeOf = (key: string) => ({ purpose: 'webhook', key, epoch: 0 }) as const;
  const sealer = {
    seal: (name: string, seed: Bytes) => vault.seal(purposeOf(name), utf8(name), seed),
    open: (name: string, sealed: Parameters<Vault['open']>[2]) =>
      vault.open(purposeOf(name), utf8(name), sealed),
  };
  const spki = async () => (await node.identities()).node1;
  return {
    endpoints: endpointsOver(table, clock),
    deliveries: deliveriesOver(table, clock),
    async forgetKeys(endpoint, n) {
      for (let i = 1; i <= n; i++)
        await table.delete({ id: keyItem('webhook', webhookKeyName(endpoint, i)) });
    },
    keys: auditKeys({ table, sealer, identity, spki, clock, random }),
    feed: feedOver(node.audit),
    local,
  };
}

/** The n-th key of an endpoint: made if there is none. */
export async function endpointKey({ keys }: NodeWebhooks, endpoint: string, n: number): Promise<EndpointKey> {
  const name = webhookKeyName(endpoint, n);
  const { signer, attested } = await keys.key('webhook', name);
  return { name, publicKey: webhookPublicKey(signer.publicKey), attested };
}
