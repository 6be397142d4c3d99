import { writeFile } from 'node:fs/promises';
import { stringify } from 'yaml';

import { loadConfig, type LoadedConfig } from '../../src/config/load.ts';
import { ConfigError } from '../../src/config/problem.ts';
import { type GroupName, GROUPS } from '../../src/doctor/check.ts';
import { diagnose } from '../../src/doctor/doctor.ts';
import { type MachineFacts, readMachine } from '../../src/doctor/machine.ts';
import type { Topic } from '../../src/doctor/topics.ts';
import type { ConfigObject } from '../support/layover.ts';

export interface Patient {
  readonly config?: ConfigObject;
  /** Instead of {@link config}. */
  readonly text?: string;
  readonly machine?: Partial<MachineFacts>;
  readonly server?: string;
  /** By default those that need no server and no client. */
  readonly groups?: readonly GroupName[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * The checks that did not pass: `verdict group name: text | remedy #topic`.
 *
 * @param file for the configuration
 * @param found gets the topics
 */
export async function complaintsOf(patient: Patient, file: string, found: Topic[]): Promise<readonly string[]> {
  const { groups = GROUPS.filter((group) => group !== 'server' && group !== 'clients'), env = {}, server } = patient;
  await writeFile(file, patient.text ?? stringify(patient.config));
  let loaded: LoadedConfig | undefined;
  let problems: readonly string[] = [];
  try {
    loaded = await loadConfig({ file, env, areFilesChecked: true });
  } catch (err) {
    if (!(err instanceof ConfigError)) throw err;
    problems = err.problems;
  }
  const machine = { ...(await readMachine()), ...patient.machine };
  const { groups: results } = await diagnose({ env, loaded, problems, server, isBefore: false, machine }, groups);
  return results.flatMap(({ group, checks }) =>
    checks.flatMap((check) => {
      if (!('remedy' in check)) return [];
      found.push(check.topic);
      return [`${check.verdict} ${group} ${check.name}: ${check.text} | ${check.remedy} #${check.topic}`];
    }),
  );
}
