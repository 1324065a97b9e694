// npm start: checks Node, installs what is missing, bundles the programs, hands over to the supervisor.

import { isAbsolute, join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkNode, fail, install, root } from './install.mjs';

checkNode();

function readArguments() {
  try {
    const { values } = parseArgs({ options: { port: { type: 'string' }, data: { type: 'string' } } });
    const port = Number(values.port ?? 7070);
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      throw new Error('--port is a number up to 65535');
    const data = values.data ?? process.env.PLANBOK_DATA ?? '.local';
    return { port, folder: isAbsolute(data) ? data : join(process.env.INIT_CWD ?? process.cwd(), data) };
  } catch (error) {
    return fail(`${error.message}\nusage: npm start [-- --port N --data DIR]`);
  }
}

const options = readArguments();
install({ withDev: false });
const { bundle } = await import('./bundle.mjs');
const bundles = await bundle('local', {
  supervisor: 'local/supervisor.ts',
  account: 'local/programs/account.ts',
  node1: 'local/programs/node1.ts',
  node2: 'local/programs/node2.ts',
  found: 'local/programs/found.ts',
});
const { supervise } = await import(bundles.supervisor);
await supervise({ ...options, root, bundles, endpoint: process.env.AWS_ENDPOINT_URL || undefined });
