import type { LayoverRun, RunOptions } from './layover-run.ts';
import { RunningProcess } from './processes.ts';
import { LAYOVER_MAIN } from './programs.ts';

const LISTENING = /(?<!debug server )listening on (https?:\/\/127\.0\.0\.1:\d+)/;
const DEBUG_SERVER = /debug server on (http:\/\/127\.0\.0\.1:\d+)/;

/** As in the first line of the program. */
const NODE_FLAGS = ['--max-semi-space-size=4', '--no-parallel-scavenge'];

/** On a machine with twenty busy processes a start takes half a minute. Milliseconds. */
const START_TIMEOUT_MS = 60_000;

/** Starts the built program. @throws {Error} with its output, when it does not come to listen */
export async function startInOwnProcess(options: RunOptions): Promise<LayoverRun> {
  const { configFile, env, cwd, nodeArguments, hasDebugServer, clock } = options;
  if (clock) throw new Error('a clock needs Layover.start');
  const args = [...NODE_FLAGS, ...nodeArguments, LAYOVER_MAIN, 'serve', configFile];
  const program = await RunningProcess.start(process.execPath, args, { env, cwd });
  try {
    const [, url = ''] = await program.waitForOutput(LISTENING, { timeoutMs: START_TIMEOUT_MS });
    const [, debugUrl] = hasDebugServer ? await program.waitForOutput(DEBUG_SERVER) : [];
    return Object.assign(program, { url, debugUrl });
  } catch (err) {
    await program.stop();
    throw err;
  }
}
