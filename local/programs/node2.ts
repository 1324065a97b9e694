/**
 * Node 2 behind mTLS, as behind its private gateway on AWS.
 * @module
 */
import { tlsFolder } from '../../functions/adapters/tls-folder.ts';
import { handler } from '../../functions/node2/handler.ts';
import { startFront } from '../front.ts';
import { runChild, setting } from './child.ts';

runChild(async () => {
  const tls = tlsFolder(setting('PLANBOK_TLS_DIR'), 'node1');
  const front = await startFront({ handler, port: 0, maxBodyBytes: 2 * 1024 * 1024, tls });
  return { tells: { port: String(front.port) }, stop: front.close };
});
