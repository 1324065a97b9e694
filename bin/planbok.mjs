#!/usr/bin/env node
// The command line from a clone, without a build step: bundles it once per state of the sources.
import { checkNode, install } from '../local/install.mjs';

checkNode();
install({ withDev: false });
const { bundle } = await import('../local/bundle.mjs');
const { cli } = await bundle('cli', { cli: 'cli/main.ts' });
const { run } = await import(cli);
process.exitCode = await run(process.argv.slice(2));
