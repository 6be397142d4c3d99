import { type Check, type CreateChecks, type DoctorContext, GROUPS, type GroupName } from './check.ts';
import { type GroupResult, runGroup } from './run-checks.ts';

/** A group's checks, with only the packages that it needs. */
const CREATE: Readonly<Record<GroupName, () => Promise<CreateChecks>>> = {
  config: async () => (await import('./groups/config-checks.ts')).configChecks,
  process: async () => (await import('./groups/process-checks.ts')).processChecks,
  storage: async () => (await import('./groups/storage-checks.ts')).storageChecks,
  index: async () => (await import('./groups/index-checks.ts')).indexChecks,
  network: async () => (await import('./groups/network-checks.ts')).networkChecks,
  upstreams: async () => (await import('./groups/upstream-checks.ts')).upstreamChecks,
  server: async () => (await import('./groups/server-checks.ts')).serverChecks,
  clients: async () => (await import('./groups/client-checks.ts')).clientChecks,
};

export interface Diagnosis {
  readonly groups: readonly GroupResult[];
  readonly failed: number;
  readonly warnings: number;
}

/** Runs the groups at once. Each check has five seconds. A configuration that is not valid is reported with any of them. */
export async function diagnose(context: DoctorContext, groups: readonly GroupName[]): Promise<Diagnosis> {
  const results = await Promise.all(
    GROUPS.filter((group) => groups.includes(group) || (group === 'config' && !context.loaded)).map(async (group) => {
      const create = await CREATE[group]();
      const checks: readonly Check[] = await create(context);
      return runGroup(group, checks);
    }),
  );
  const all = results.flatMap(({ checks }) => checks);
  const count = (verdict: string) => all.filter((check) => check.verdict === verdict).length;
  return {
    groups: results.filter(({ checks }) => checks.length > 0),
    failed: count('failed'),
    warnings: count('warning'),
  };
}
