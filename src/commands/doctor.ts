import { printableText } from '../audit/recorded-text.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { ConfigError } from '../config/problem.ts';
import { redactedConfig, redactUrls } from '../config/redact.ts';
import { type CheckResult, type DoctorContext, GROUPS, type GroupName } from '../doctor/check.ts';
import { type Diagnosis, diagnose } from '../doctor/doctor.ts';
import { writeBundle } from '../doctor/bundle.ts';
import { readMachine } from '../doctor/machine.ts';
import { parseServerUrl } from '../doctor/server-url.ts';
import { SetupError } from '../setup/setup-error.ts';
import { VERSION } from '../version.ts';
import type { Output } from './config.ts';

export interface DoctorOptions {
  readonly file: string | undefined;
  readonly server?: string | undefined;
  readonly pre?: boolean;
  readonly only?: string | undefined;
  readonly skip?: string | undefined;
  readonly json?: boolean;
  readonly strict?: boolean;
  readonly bundle?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: Output;
}

const MARKS: Readonly<Record<CheckResult['verdict'], string>> = { ok: '√', warning: '‼', failed: '×', skipped: '-' };

/**
 * `doctor`: runs the checks and prints them.
 *
 * @returns the exit code: 0, 1 when a check failed, 2 for warnings with `strict`
 */
export async function doctor(options: DoctorOptions): Promise<number> {
  try {
    return await run(options);
  } catch (err) {
    if (!(err instanceof SetupError)) throw err;
    options.out.write(`${err.message}\n`);
    return 1;
  }
}

async function run(options: DoctorOptions): Promise<number> {
  const { env, server, pre = false, out, json, bundle } = options;
  const groups = selectGroups(options);
  if (typeof groups === 'string') {
    out.write(`${groups}\n`);
    return 1;
  }
  const url = server === undefined ? undefined : parseServerUrl(server);
  const { loaded, problems } = await load(options);
  const context: DoctorContext = { env, loaded, problems, server: url, isBefore: pre, machine: await readMachine() };
  const diagnosis = presentable(await diagnose(context, groups));
  out.write(json ? `${JSON.stringify(diagnosis, null, 2)}\n` : describe(diagnosis));
  if (bundle !== undefined) {
    const config = loaded && redactedConfig(loaded.config);
    await writeBundle(bundle, { version: VERSION, diagnosis, config });
    if (!json) out.write(`written: ${bundle}\n`);
  }
  if (diagnosis.failed > 0) return 1;
  return options.strict && diagnosis.warnings > 0 ? 2 : 0;
}

async function load({ file, env }: DoctorOptions): Promise<{ loaded?: LoadedConfig; problems: readonly string[] }> {
  try {
    return { loaded: await loadConfig({ file, env, areFilesChecked: true }), problems: [] };
  } catch (err) {
    if (err instanceof ConfigError) return { problems: err.problems };
    throw err;
  }
}

/** @returns a text for a group that does not exist */
function selectGroups({ only, skip }: DoctorOptions): readonly GroupName[] | string {
  const listed = (text: string | undefined) => text?.split(',').map((name) => name.trim()) ?? [];
  const unknown = [...listed(only), ...listed(skip)].find((name) => !GROUPS.some((group) => group === name));
  if (unknown !== undefined) return `${unknown}: not a group of checks (known: ${GROUPS.join(', ')})`;
  return GROUPS.filter((group) => only === undefined || listed(only).includes(group)).filter(
    (group) => !listed(skip).includes(group),
  );
}

/** Upstreams and programs of clients send text that must not control the terminal, and errors have URLs with secrets. */
function presentable(diagnosis: Diagnosis): Diagnosis {
  const clean = (_: string, value: unknown) => (typeof value === 'string' ? printableText(redactUrls(value)) : value);
  return JSON.parse(JSON.stringify(diagnosis), clean) as Diagnosis;
}

function describe({ groups, failed, warnings }: Diagnosis): string {
  const blocks = groups.map(
    ({ group, checks }) =>
      `${group}\n${checks.map(({ name, ...result }) => `  ${MARKS[result.verdict]} ${name}: ${detailsOf(result)}\n`).join('')}`,
  );
  return `${blocks.join('\n')}\n${countOf(failed, 'failure')}, ${countOf(warnings, 'warning')}\n`;
}

function detailsOf(result: CheckResult): string {
  if (!('remedy' in result)) return result.text;
  return `${result.text}\n      ${result.remedy}\n      docs/troubleshooting.md#${result.topic}`;
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
