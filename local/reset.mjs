// npm run reset: forgets everything of a local run.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { parseArgs } from 'node:util';
import { fail } from './install.mjs';

const { values } = parseArgs({ options: { data: { type: 'string' } } });
const data = values.data ?? process.env.PLANBOK_DATA ?? '.local';
const folder = isAbsolute(data) ? data : join(process.env.INIT_CWD ?? process.cwd(), data);

if (!existsSync(folder)) {
  process.stdout.write(`nothing to forget: there is no ${folder}\n`);
} else if (!existsSync(join(folder, '.planbok'))) {
  fail(`${folder} is not a folder of a local planbok; nothing was removed`);
} else {
  const pid = Number(existsSync(join(folder, 'lock')) && readFileSync(join(folder, 'lock'), 'utf8'));
  let alive = false;
  try {
    alive = pid > 0 && process.kill(pid, 0);
  } catch {
    // It has ended without removing its lock.
  }
  if (alive) fail(`planbok (process ${pid}) is running on ${folder}; stop it first`);
  rmSync(folder, { recursive: true });
  process.stdout.write(`forgotten: ${folder} with all wallets and keys in it\n`);
}
