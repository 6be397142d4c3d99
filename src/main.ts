#!/usr/bin/env -S node --max-semi-space-size=4 --no-parallel-scavenge
// These flags of V8 work on the command line only. The first (MiB) keeps a busy process some 40 MB smaller. The second collects that small
// space on one thread: to wake others costs more than they save, 10 to 20 % of the CPU of a cached manifest.
import { argv, exit, stderr, stdin, stdout } from 'node:process';

import { enableCompileCache } from './builtin/compile-cache.ts';
import { processEnvironment } from './config/process-environment.ts';

enableCompileCache();
const { runProgram } = await import('./commands/program.ts');

// `make binaries` sets it in bin/registry, because node makes argv[1] absolute.
const invokedAs = processEnvironment['LAYOVER_INVOKED_AS'] ?? argv[1] ?? 'layover';
exit(await runProgram(argv.slice(2), { invokedAs, env: processEnvironment, stdin, out: stdout, err: stderr }));
