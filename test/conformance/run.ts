// The OCI conformance suites, the newest and the released one, against the built program on every storage there is:
//   npm run test:conformance [-- part of a scene's name]
// CONFORMANCE_RELEASED=PATH runs that program as the released suite.
import { findProgram, whyNotBuilt } from '../support/programs.ts';
import { findReleasedSuite, RELEASED_PROGRAM, runReleasedSuite } from './released-suite.ts';
import { type Scene, SCENES } from './scenes.ts';
import { findSuite, runSuite, type SuiteResult } from './suite.ts';

/** One suite as it is run on a scene. */
interface Run {
  readonly label: string;
  start(scene: Scene, url: string, name: string): Promise<SuiteResult>;
}

const say = (line: string) => process.stdout.write(`${line}\n`);

async function newestSuite(): Promise<Run[]> {
  const program = await findSuite();
  if (program === undefined) {
    say(
      `the newest OCI conformance suite is skipped: ${await whyMissing('go could not install it, and said why above')}`,
    );
    return [];
  }
  return (['1.1', 'dev'] as const).map((version) => ({
    label: version,
    start: ({ settings }, url, name) => runSuite(program, { name, url, version, settings }),
  }));
}

async function releasedSuite(): Promise<Run[]> {
  const program = await findReleasedSuite();
  if (program === undefined) {
    const why = await whyMissing((await whyNotBuilt(RELEASED_PROGRAM)) ?? 'it was not built');
    say(`the released OCI conformance suite (v1.1.1) is skipped: ${why}`);
    say('  CONFORMANCE_RELEASED=PATH runs one that was built elsewhere: go test -c in its directory conformance');
    return [];
  }
  const start: Run['start'] = ({ released }, url, name) =>
    runReleasedSuite(program, { name, url, workflows: released });
  return [{ label: 'released', start }];
}

async function whyMissing(otherwise: string): Promise<string> {
  return (await findProgram('go', ['/usr/local/go/bin'])) === undefined ? 'Go is missing' : otherwise;
}

/** Twice where the first time leaves content: what is pushed stays, and the second time a cache is warm. */
async function runScene(scene: Scene, runs: readonly Run[]): Promise<SuiteResult[]> {
  const started = await scene.start();
  if (typeof started === 'string') {
    say(`${scene.name.padEnd(28)} skipped: ${started}`);
    return [];
  }
  await using registry = started;
  const results: SuiteResult[] = [];
  for (const time of scene.isRepeated ? ['first', 'again'] : ['first']) {
    for (const run of runs) {
      const name = `${scene.name} ${run.label} ${time}`;
      const result = await run.start(scene, registry.url, name.replaceAll(/[^\w.]+/g, '-'));
      const { passed, failed, skipped, report } = result;
      say(
        `${name.padEnd(42)} ${passed} passed, ${failed} failed, ${skipped} skipped${failed > 0 ? `: ${report}` : ''}`,
      );
      results.push(result);
    }
  }
  return results;
}

const runs = [...(await newestSuite()), ...(await releasedSuite())];
const wanted = process.argv[2] ?? '';
const scenes = runs.length === 0 ? [] : SCENES.filter(({ name }) => name.includes(wanted));
const results: SuiteResult[] = [];
for (const scene of scenes) results.push(...(await runScene(scene, runs)));

const sum = (of: (result: SuiteResult) => number) => results.reduce((total, result) => total + of(result), 0);
const failed = sum((result) => result.failed);
say(`\n${sum((result) => result.passed)} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
