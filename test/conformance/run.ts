// The OCI conformance suite against the built program, on every storage there is:
//   npm run test:conformance [-- part of a scene's name]
import { findProgram } from '../support/programs.ts';
import { type Scene, SCENES } from './scenes.ts';
import { findSuite, runSuite, type SuiteResult } from './suite.ts';

const VERSIONS = ['1.1', 'dev'] as const;
const say = (line: string) => process.stdout.write(`${line}\n`);

/** Twice for each version: what is pushed stays, and the second time a cache is warm. */
async function runScene(program: string, scene: Scene): Promise<SuiteResult[]> {
  const started = await scene.start();
  if (typeof started === 'string') {
    say(`${scene.name.padEnd(28)} skipped: ${started}`);
    return [];
  }
  await using registry = started;
  const results: SuiteResult[] = [];
  for (const [i, version] of [...VERSIONS, ...VERSIONS].entries()) {
    const name = `${scene.name} ${version} ${i < VERSIONS.length ? 'first' : 'again'}`;
    const run = { name: name.replaceAll(/[^\w.]+/g, '-'), url: registry.url, version, settings: scene.settings };
    const result = await runSuite(program, run);
    const { passed, failed, skipped, report } = result;
    say(`${name.padEnd(36)} ${passed} passed, ${failed} failed, ${skipped} skipped${failed > 0 ? `: ${report}` : ''}`);
    results.push(result);
  }
  return results;
}

async function runAll(program: string, wanted: string): Promise<SuiteResult[]> {
  const results: SuiteResult[] = [];
  for (const scene of SCENES.filter(({ name }) => name.includes(wanted))) {
    results.push(...(await runScene(program, scene)));
  }
  return results;
}

async function whyMissing(): Promise<string> {
  if ((await findProgram('go', ['/usr/local/go/bin'])) === undefined) return 'Go is missing';
  return 'go could not install it, and said why above';
}

const program = await findSuite();
if (program === undefined) say(`the OCI conformance suite is skipped: ${await whyMissing()}`);
const results = program === undefined ? [] : await runAll(program, process.argv[2] ?? '');
const sum = (of: (result: SuiteResult) => number) => results.reduce((total, result) => total + of(result), 0);
const failed = sum((result) => result.failed);
say(`\n${sum((result) => result.passed)} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
