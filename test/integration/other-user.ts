import { chmod } from 'node:fs/promises';
import { dirname } from 'node:path';

import type { Layover } from '../support/layover.ts';
import { RunningProcess } from '../support/processes.ts';
import { LAYOVER_MAIN, programEnvironment } from '../support/programs.ts';

/** A user who owns nothing. */
export const OTHER_USER = 12_345;

/** Whether a process of another user can be started: it takes root. */
export const canBecomeOther = process.platform === 'linux' && process.getuid?.() === 0;
if (!canBecomeOther) console.warn('not root on Linux: the tests with the files of another user are skipped');

/** Runs a command about the configuration of an ended server as {@link OTHER_USER}. */
export async function startAsOther(
  { configFile }: Pick<Layover, 'configFile'>,
  command: readonly string[],
): Promise<RunningProcess> {
  await chmod(dirname(configFile), 0o755);
  const identity = ['--reuid', String(OTHER_USER), '--regid', String(OTHER_USER), '--clear-groups'];
  const args = [...identity, process.execPath, LAYOVER_MAIN, ...command, configFile];
  return RunningProcess.start('setpriv', args, { env: programEnvironment() });
}

/** The same for `serve`. @returns also its URL */
export async function serveAsOther(layover: Pick<Layover, 'configFile'>) {
  const server = await startAsOther(layover, ['serve']);
  const [, url = ''] = await server.waitForOutput(/(?<!debug server )listening on (http:\/\/127\.0\.0\.1:\d+)/);
  return { server, url };
}
