import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { freePort, RunningProcess, runProgram, waitForPort } from '../support/processes.ts';
import { programEnvironment } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { facts, ROOT } from './built-packages.ts';

const QUIET = ['--no-audit', '--no-fund', '--loglevel=error'];

it('npx layover serve runs from the packed file, in an empty directory', { timeout: 300_000 }, async () => {
  await using directory = await temporaryDirectory();
  const project = join(directory.path, 'project');
  await mkdir(project);
  await runProgram('npm', ['pack', '--silent', '--pack-destination', project], { cwd: ROOT });
  await writeFile(join(project, 'package.json'), '{ "private": true }\n');
  await runProgram('npm', ['install', ...QUIET, `./layover-${facts.version}.tgz`], {
    cwd: project,
    timeoutMs: 280_000,
  });
  const port = await freePort();
  const env = { ...programEnvironment(), REGISTRY_HTTP_ADDR: `127.0.0.1:${port}` };
  await using service = await RunningProcess.start('npx', ['--no-install', 'layover', 'serve'], { cwd: project, env });
  await waitForPort(port, service, { timeoutMs: 60_000 });
  expect((await fetch(`http://127.0.0.1:${port}/v2/`)).status).toBe(200);
  const { stdout } = await runProgram('npx', ['--no-install', 'registry', '--version'], { cwd: project, env });
  expect(stdout).toContain(`layover v${facts.version}`);
});
