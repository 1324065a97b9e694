/**
 * Node 1 and the API of account 1 behind one port, as the gateway routes them on AWS.
 * @module
 */
import { programOf } from '#shared/wire/routes.ts';
import { courierOf } from '../../functions/adapters/courier.ts';
import { handler as api } from '../../functions/api/handler.ts';
import { keepIntegrating } from '../../functions/audit/loop.ts';
import { node, handler as node1, peer, webhooks } from '../../functions/node1/handler.ts';
import { dispatcherOf } from '../../functions/webhooks/dispatch.ts';
import { keepDispatching } from '../../functions/webhooks/loop.ts';
import { type LambdaHandler, startFront } from '../front.ts';
import { runChild, setting } from './child.ts';

/** What no route fits goes to the API, which says so. */
const handler: LambdaHandler = (event, context) => {
  let program = 'api';
  try {
    program = programOf(event.httpMethod, event.path);
  } catch {
    // Not found, or not for this method: the handler has the words for it.
  }
  return program === 'node1' ? node1(event, context) : api(event, context);
};

runChild(async () => {
  const port = Number(setting('PLANBOK_PORT'));
  // A little above the largest body of a route: the handlers refuse with the route's own limit.
  const front = await startFront({ handler, port, maxBodyBytes: 1_200_000 });
  const stopIntegrating = keepIntegrating(node, peer);
  const dispatcher = dispatcherOf({ node, webhooks, courier: courierOf({ local: true }) });
  const stopDispatching = keepDispatching(dispatcher, node.log);
  const stop = async (): Promise<void> => {
    await Promise.all([stopIntegrating(), stopDispatching()]);
    await front.close();
  };
  return { tells: { port: String(front.port) }, stop };
});
