// Runs `npm test` many times while two other processes keep two cores busy: a test that depends on time fails here first.
//   node test/setup/calm.mjs [runs]
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const BUSY_PROCESSES = 2;
/** A busy process ends after this time, even if this program is killed. Milliseconds. */
const BUSY_LIMIT_MS = 60 * 60_000;
const SUMMARY = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?(?:, (\d+) retried)?$/gm;
const FAILED = /^\s*(?:FAIL|×|retried:) .*$/gm;

const runs = Number(process.argv[2] ?? 10);
if (!Number.isInteger(runs) || runs < 1) {
  console.error(`${process.argv[2]}: must be a number of runs, such as 10`);
  process.exit(2);
}
const logs = mkdtempSync(join(tmpdir(), 'layover-calm-'));
let failedRuns = 0;
for (let run = 1; run <= runs; run++) {
  const { code, output, seconds } = await runTests();
  const log = join(logs, `run-${run}.log`);
  writeFileSync(log, output);
  const [, passed = '?', failed = '?', , retried = '0'] = [...output.matchAll(SUMMARY)].at(-1) ?? [];
  console.log(`run ${run}: ${seconds} s, ${passed} passed, ${failed} failed, ${retried} retried`);
  const isGood = code === 0 && failed === '0';
  if (!isGood || retried !== '0') for (const line of new Set(output.match(FAILED))) console.log(`  ${line.trim()}`);
  if (!isGood) {
    failedRuns++;
    console.log(`  exit code ${code}, output in ${log}`);
  }
}
console.log(`${runs - failedRuns} of ${runs} runs passed`);
process.exitCode = failedRuns === 0 ? 0 : 1;

async function runTests() {
  const busy = Array.from({ length: BUSY_PROCESSES }, startBusyProcess);
  const started = performance.now();
  try {
    const test = spawn('npm', ['test'], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [test.stdout, test.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
    const [code] = await once(test, 'close');
    const seconds = Math.round((performance.now() - started) / 1000);
    return { code, output: stripVTControlCharacters(output), seconds };
  } finally {
    for (const child of busy) child.kill('SIGKILL');
  }
}

function startBusyProcess() {
  const program = `const end = Date.now() + ${BUSY_LIMIT_MS}; while (Date.now() < end);`;
  return spawn(process.execPath, ['-e', program], { stdio: 'ignore' });
}
