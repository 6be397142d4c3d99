import type { LoadedConfig } from '../config/load.ts';
import type { MachineFacts } from './machine.ts';
import type { Topic } from './topics.ts';

/** What a check found; one line. Never contains a secret. */
export type CheckResult =
  | { readonly verdict: 'ok' | 'skipped'; readonly text: string }
  | {
      readonly verdict: 'warning' | 'failed';
      readonly text: string;
      /** What to do. */
      readonly remedy: string;
      readonly topic: Topic;
    };

export interface Check {
  readonly name: string;
  /** @param signal aborts after the time of a check */
  run(this: void, signal: AbortSignal): Promise<CheckResult>;
}

export const GROUPS = ['config', 'process', 'storage', 'index', 'network', 'upstreams', 'server', 'clients'] as const;
export type GroupName = (typeof GROUPS)[number];

export interface DoctorContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absent when the configuration is not valid: only its problems are reported then. */
  readonly loaded: LoadedConfig | undefined;
  /** Of a configuration that is not valid. */
  readonly problems: readonly string[];
  /** Origin of the server. Absent: the address in the configuration. */
  readonly server: string | undefined;
  /** There is no server yet. */
  readonly isBefore: boolean;
  readonly machine: MachineFacts;
}

export type CreateChecks = (context: DoctorContext) => readonly Check[] | Promise<readonly Check[]>;

export function ok(text: string): CheckResult {
  return { verdict: 'ok', text };
}

export function skipped(text: string): CheckResult {
  return { verdict: 'skipped', text };
}

export function warning(text: string, remedy: string, topic: Topic): CheckResult {
  return { verdict: 'warning', text, remedy, topic };
}

export function failed(text: string, remedy: string, topic: Topic): CheckResult {
  return { verdict: 'failed', text, remedy, topic };
}

/** The reason of an error, in one line. */
export function reasonOf(err: unknown): string {
  if (err instanceof AggregateError && err.message === '') return reasonOf(err.errors[0]);
  const text = err instanceof Error ? err.message : String(err);
  return (text.split('\n', 1)[0] ?? '').slice(0, 300);
}
