import { mkdir, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join, relative } from 'node:path';

import { RunningProcess } from '../support/processes.ts';
import { findProgram, programEnvironment } from '../support/programs.ts';

/** Reports stay here until the next run. */
const RESULTS = join(import.meta.dirname, 'results');
const BUILT = join(import.meta.dirname, '../../node_modules/.cache/layover-tests/bin');

/** The suite on `PATH`, where `go install` puts it, or where `test/setup/prepare.mjs --conformance` does. */
export async function findSuite(): Promise<string | undefined> {
  const { GOBIN, GOPATH } = process.env;
  const folders = [GOBIN, GOPATH && join(GOPATH, 'bin'), join(homedir(), 'go/bin'), BUILT];
  return findProgram(
    'conformance',
    folders.filter((folder) => folder !== undefined),
  );
}

/** Settings of the suite by the names of its variables, without the `OCI_` in front. */
export type Settings = Readonly<Record<string, string | boolean>>;

export interface SuiteRun {
  /** Of the report's directory. */
  readonly name: string;
  /** Base URL of the registry. */
  readonly url: string;
  /** Of the distribution specification. */
  readonly version: '1.1' | 'dev';
  readonly settings: Settings;
}

export interface SuiteResult {
  readonly passed: number;
  readonly failed: number;
  /** Also what the settings leave out. */
  readonly skipped: number;
  /** Directory, as seen from the current one. */
  readonly report: string;
}

/** @throws {Error} when the suite does not come to its end */
export async function runSuite(program: string, { name, url, version, settings }: SuiteRun): Promise<SuiteResult> {
  const report = await emptyReport(name);
  const env = suiteEnvironment({
    REGISTRY: new URL(url).host,
    TLS: 'disabled',
    VERSION: version,
    RESULTS_DIR: report.path,
    ...settings,
  });
  await using suite = await RunningProcess.start(program, [], { env, cwd: report.path });
  await suite.exited;
  await keepOutput(report, suite.output);
  const count = (status: string) => Number(new RegExp(`^ +${status}\\.+: +(\\d+)$`, 'm').exec(suite.stdout)?.[1]);
  const result = { passed: count('Pass'), failed: count('FAIL') + count('Error') };
  if (Number.isNaN(result.passed + result.failed)) throw new Error(`no result from the suite:\n${suite.output}`);
  return { ...result, skipped: count('Skip') + count('Disabled'), report: report.shown };
}

export interface ReportDirectory {
  readonly path: string;
  /** As seen from the current directory. */
  readonly shown: string;
}

export async function emptyReport(name: string): Promise<ReportDirectory> {
  const path = join(RESULTS, name);
  await rm(path, { recursive: true, force: true });
  await mkdir(path, { recursive: true });
  return { path, shown: relative('.', path) };
}

/** Our environment, and of the suite's variables only these. */
export function suiteEnvironment(settings: Settings): NodeJS.ProcessEnv {
  const inherited = Object.entries(programEnvironment()).filter(([key]) => !key.startsWith('OCI_'));
  const named = Object.entries(settings).map(([key, value]) => [`OCI_${key}`, String(value)]);
  return { ...Object.fromEntries(inherited), ...Object.fromEntries(named) };
}

export function keepOutput({ path }: ReportDirectory, output: string): Promise<void> {
  return writeFile(join(path, 'output.txt'), output);
}
