// npm test: installs what the tests need if it is missing, then runs jest.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { checkNode, install, root } from './install.mjs';

checkNode();
install({ withDev: true });
const { NODE_OPTIONS: _, ...env } = process.env;
const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
const { status } = spawnSync(process.execPath, [...flags, jest, ...process.argv.slice(2)], {
  cwd: root,
  env: { ...env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  stdio: 'inherit',
});
process.exit(status ?? 1);
