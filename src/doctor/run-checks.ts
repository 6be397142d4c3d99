import { type Check, type CheckResult, failed, type GroupName, reasonOf } from './check.ts';
import type { Topic } from './topics.ts';

export interface GroupResult {
  readonly group: GroupName;
  readonly checks: readonly (CheckResult & { readonly name: string })[];
}

/** Milliseconds. */
const TIMEOUT_MS = 5_000;

/** For checks that do not end, or fail in an unexpected manner. */
const TOPIC_OF: Readonly<Record<GroupName, Topic>> = {
  config: 'the-configuration-is-not-valid',
  process: 'the-port-is-in-use',
  storage: 'the-storage-is-slow',
  index: 'redis-does-not-respond',
  network: 'the-upstream-is-not-reachable',
  upstreams: 'the-upstream-is-not-reachable',
  server: 'the-server-does-not-respond',
  clients: 'the-client-pulls-past-the-cache',
};

/** Runs all checks of a group at once, each for its own time. */
export async function runGroup(
  group: GroupName,
  checks: readonly Check[],
  { timeoutMs = TIMEOUT_MS } = {},
): Promise<GroupResult> {
  const results = checks.map(async (check) => ({ name: check.name, ...(await runCheck(group, check, timeoutMs)) }));
  return { group, checks: await Promise.all(results) };
}

async function runCheck(group: GroupName, { run }: Check, timeoutMs: number): Promise<CheckResult> {
  const signal = AbortSignal.timeout(timeoutMs);
  const late = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`no result within ${timeoutMs / 1000} s`)), { once: true });
  });
  try {
    return await Promise.race([run(signal), late]);
  } catch (err) {
    return failed(reasonOf(err), 'see the section below', TOPIC_OF[group]);
  }
}
