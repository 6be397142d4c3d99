import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { freePort, RunningProcess, waitForPort } from '../support/processes.ts';
import { findProgram, LAYOVER_MAIN, programEnvironment } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const activate = await findProgram('systemd-socket-activate');
if (activate === undefined) console.warn('skipped: socket activation: this machine lacks systemd-socket-activate');

it.skipIf(activate === undefined)(
  'serves on the socket of systemd, with the first request that waited there',
  async () => {
    await using directory = await temporaryDirectory();
    const port = await freePort();
    const config = join(directory.path, 'config.yml');
    await writeFile(config, `version: 0.1\nstorage: inmemory\nhttp: { addr: "127.0.0.1:${await freePort()}" }\n`);
    const args = ['--listen', `127.0.0.1:${port}`, process.execPath, LAYOVER_MAIN, 'serve', config];
    await using service = await RunningProcess.start(activate ?? '', args, { env: programEnvironment() });
    await waitForPort(port, service);
    expect((await fetch(`http://127.0.0.1:${port}/v2/`)).status).toBe(200);
    expect(service.output).toContain(`listening on http://127.0.0.1:${port}`);
  },
);
