/* Logs to stdout in the way its argument says; says `alive` on stderr when it has come through. */
import { createLog } from '../../src/telemetry/log.ts';

const log = createLog({ level: 'info', format: 'json', fields: {}, accessLog: true });
const [manner, count] = process.argv.slice(2);

for (let n = 0; n < Number(count); n++) log.info({ n }, 'line');
if (manner === 'flush') await log.flush();
if (manner === 'exit') process.exit(0);
if (manner === 'throw') setImmediate(() => Promise.reject(new Error('on purpose')));
if (manner === 'closed') {
  for (let round = 0; round < 20; round++) {
    for (let n = 0; n < 100; n++) log.info({ n }, 'nobody reads this');
    await log.flush();
  }
  process.stderr.write('alive');
}
