import { homedir } from 'node:os';
import { join } from 'node:path';

import { RunningProcess } from '../support/processes.ts';
import { findProgram } from '../support/programs.ts';
import { emptyReport, keepOutput, type Settings, suiteEnvironment, type SuiteResult } from './suite.ts';

/** As `go test -c` names it. */
export const RELEASED_PROGRAM = 'conformance.test';

/**
 * The suite of the specification's release 1.1.1, whose checks the newest one does not all have: the path in
 * `CONFORMANCE_RELEASED`, `conformance.test` on `PATH`, or what `test/setup/prepare.mjs --conformance` built.
 */
export async function findReleasedSuite(): Promise<string | undefined> {
  const { CONFORMANCE_RELEASED, GOBIN } = process.env;
  if (CONFORMANCE_RELEASED) return CONFORMANCE_RELEASED;
  return findProgram(RELEASED_PROGRAM, [GOBIN ?? join(homedir(), 'go/bin')]);
}

export interface Workflows {
  readonly settings: Settings;
  /** Leaves out the checks whose description matches this regular expression. */
  readonly skip?: string;
}

/** Every workflow. A blob is mounted also when the client does not say from where. */
export const EVERY_WORKFLOW: Workflows = {
  settings: {
    NAMESPACE: 'released/app',
    CROSSMOUNT_NAMESPACE: 'released/other',
    AUTOMATIC_CROSSMOUNT: true,
    TEST_PULL: true,
    TEST_PUSH: true,
    TEST_CONTENT_DISCOVERY: true,
    TEST_CONTENT_MANAGEMENT: true,
  },
};

/** The workflows of a registry that takes nothing, with content that it has. */
export function readingWorkflows(content: {
  readonly repository: string;
  readonly manifest: string;
  readonly blob: string;
  readonly tags: readonly [string, ...string[]];
}): Workflows {
  const settings = {
    NAMESPACE: content.repository,
    TEST_PULL: true,
    TEST_CONTENT_DISCOVERY: true,
    MANIFEST_DIGEST: content.manifest,
    BLOB_DIGEST: content.blob,
    TAG_NAME: content.tags[0],
    TAG_LIST: content.tags.join(','),
  };
  // The referrers that the suite expects are those that it pushes.
  return { settings, skip: 'listing references' };
}

export interface ReleasedRun {
  /** Of the report's directory. */
  readonly name: string;
  /** Base URL of the registry. */
  readonly url: string;
  readonly workflows: Workflows;
}

/** @throws {Error} when the suite does not come to its end */
export async function runReleasedSuite(program: string, { name, url, workflows }: ReleasedRun): Promise<SuiteResult> {
  const report = await emptyReport(name);
  const { settings, skip } = workflows;
  const env = suiteEnvironment({ ROOT_URL: url, HIDE_SKIPPED_WORKFLOWS: true, REPORT_DIR: report.path, ...settings });
  const args = ['-ginkgo.no-color', ...(skip === undefined ? [] : [`-ginkgo.skip=${skip}`])];
  await using suite = await RunningProcess.start(program, args, { env, cwd: report.path });
  await suite.exited;
  await keepOutput(report, suite.output);
  const counts = /-- (\d+) Passed \| (\d+) Failed \| \d+ Pending \| (\d+) Skipped/.exec(suite.output);
  if (!counts) throw new Error(`no result from the suite:\n${suite.output}`);
  const [passed, failed, skipped] = counts.slice(1).map(Number) as [number, number, number];
  return { passed, failed, skipped, report: report.shown };
}
