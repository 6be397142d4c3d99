// What a client sees of the built program, beside what it sees of distribution's registry, the control:
//   npm run test:reference [-- --checkout PATH]
// --checkout (or DISTRIBUTION_CHECKOUT): a checkout of distribution; the tests of its handlers that have no counterpart are listed.
// REFERENCE_REGISTRY=PATH is the control instead of Debian's docker-registry.
import { parseArgs } from 'node:util';

import { runProgram } from '../support/processes.ts';
import { findProgram } from '../support/programs.ts';
import { withoutCounterpart } from './counterparts.ts';
import { differenceOf } from './differences.ts';
import { observeAll } from './observe.ts';
import { startControl, startLayover, startSetting } from './settings.ts';
import { TOPICS } from './topics.ts';
import { type Compared, differingLines, judge, type Verdict } from './verdict.ts';

interface Control {
  readonly program: string;
  /** Of distribution's version. */
  readonly major: string;
}

const say = (line: string) => process.stdout.write(`${line}\n`);

async function findControl(): Promise<Control | undefined> {
  const program = process.env['REFERENCE_REGISTRY'] || (await findProgram('docker-registry'));
  if (program === undefined) {
    say('skipped: the comparison, as docker-registry is missing; Layover is checked alone');
    return undefined;
  }
  const version = (await runProgram(program, ['--version'])).stdout.trim();
  say(`control: ${version}\n`);
  return { program, major: /\bv?(\d+)\.\d+\.\d+/.exec(version)?.[1] ?? '2' };
}

async function compareAll(control: Control | undefined): Promise<readonly Compared[]> {
  const checks = TOPICS.flatMap((topic) => topic.checks);
  await using upstream = await startSetting(startLayover, 'plain', '');
  const [layover, others] = await Promise.all([
    observeAll(startLayover, checks, upstream.url),
    control && observeAll(startControl(control.program), checks, upstream.url),
  ]);
  const missing = new Error('not observed');
  return checks.map((check) => ({
    check,
    layover: layover.get(check) ?? missing,
    control: others && (others.get(check) ?? missing),
  }));
}

function report({ check, layover, control }: Compared, verdict: Verdict, reason: string | undefined): void {
  if (verdict === 'wrong') {
    say(`FAILED   ${check.name}`);
    for (const line of differingLines(['expected', check.expected], ['layover', layover])) say(line);
  } else if (verdict === 'settled') {
    say(`FAILED   ${check.name}: listed as a difference, and there is none`);
  } else if (control && (verdict === 'unknown' || reason !== undefined)) {
    say(verdict === 'unknown' ? `FAILED   ${check.name}: not a known difference` : `differs  ${check.name}: ${reason}`);
    for (const line of differingLines(['layover', layover], ['control', control])) say(line);
  }
}

async function reportCounterparts(checkout: string | undefined): Promise<void> {
  if (checkout === undefined) {
    say("\nskipped: the names of distribution's own tests (--checkout PATH, of its source, compares them)");
    return;
  }
  const covered = TOPICS.flatMap((topic) => topic.covers);
  const without = await withoutCounterpart(checkout, covered);
  say(`\ntests of distribution's handlers without a counterpart: ${without.join(', ') || 'none'}`);
}

const { values } = parseArgs({ options: { checkout: { type: 'string' } } });
const control = await findControl();
let failed = 0;
const all = await compareAll(control);
for (const compared of all) {
  const reason = control && differenceOf(compared.check.name, control.major)?.reason;
  const verdict = judge(compared, reason !== undefined);
  report(compared, verdict, reason);
  if (verdict !== 'passed') failed++;
}
await reportCounterparts(values.checkout ?? process.env['DISTRIBUTION_CHECKOUT']);
say(`\n${all.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
