/**
 * The node service on Connect. One router serves every carriage: `application/proto` over HTTP/1.1 behind a
 * gateway's proxy event, and gRPC over HTTP/2 when the node runs as a server.
 * @module
 */
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, type ConnectRouter, createContextKey } from '@connectrpc/connect';
import type { Bytes } from '#shared/bytes.ts';
import { EnvelopeSchema, NodeService } from '../../proto/generated/planbok/node/v1/node_pb.ts';
import { Dropped } from '../channel/envelope.ts';
import { answer, type Method, type ServerPorts } from '../channel/serve.ts';

/** SHA-256 of the key of the client certificate, set by whoever has checked the certificate. */
export const tlsKeyHashKey = createContextKey<Bytes>(new Uint8Array());

export function routesOf(ports: ServerPorts, methods: Readonly<Record<string, Method>>) {
  return (router: ConnectRouter): void => {
    for (const { name, localName } of NodeService.methods)
      router.rpc(
        NodeService.method[localName as keyof typeof NodeService.method],
        async (envelope, context) => {
          try {
            const tlsKeyHash = context.values.get(tlsKeyHashKey);
            return create(EnvelopeSchema, await answer(ports, methods, name, envelope, tlsKeyHash));
          } catch (error) {
            if (error instanceof Dropped) {
              ports.log.warn('dropped', { method: name, reason: error.message });
              throw new ConnectError('dropped', Code.InvalidArgument);
            }
            ports.log.alarm('failed', {
              method: name,
              error: error instanceof Error ? error.name : 'unknown',
            });
            throw new ConnectError('failed', Code.Internal);
          }
        },
      );
  };
}
