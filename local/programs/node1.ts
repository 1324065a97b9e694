/**
 * Node 1 and the API of account 1 behind one port, as the gateway routes them on AWS.
 * @module
 */
import { programOf } from '#shared/wire/routes.ts';
import { handler as api } from '../../functions/api/handler.ts';
import { keepIntegrating } from '../../functions/audit/loop.ts';
import { node, handler as node1, peer } from '../../functions/node1/handler.ts';
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
  const stop = async (): Promise<void> => {
    await stopIntegrating();
    await front.close();
  };
  return { tells: { port: String(front.port) }, stop };
});
