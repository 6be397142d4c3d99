import type { ProxyConfig } from '../../config/config.ts';
import type { Clock } from '../../clock/clock.ts';
import { Jobs } from '../../jobs/jobs.ts';
import { LocalJobs } from '../../jobs/local-jobs.ts';
import type { DirectoryOwner } from '../../locks/directory-owner.ts';
import { matchGlobs } from '../../matching/glob.ts';
import type { CacheControl } from '../../operations/cache-control.ts';
import { ControlError } from '../../operations/control-error.ts';
import type { JobControl } from '../../operations/job-control.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { CloseStack } from '../close-stack.ts';
import { createStoredNames } from './image-checks.ts';
import type { Pulling } from './pulling.ts';
import type { Stored } from './stored.ts';
import type { Syncing } from './syncing.ts';

export interface BackgroundJobsParts extends Pick<Stored, 'usage' | 'redis'> {
  readonly opened: CloseStack;
  /** Absent without upstreams. */
  readonly pulling: Pulling | undefined;
  readonly cache: CacheControl;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly owner: Pick<DirectoryOwner, 'acquired'>;
}

/** Images that are fetched at the same time. */
const CONCURRENCY = 4;

/** Creates what fetches images that no client requested. Contacts no upstream. @returns undefined without upstreams */
export async function createBackgroundJobs(
  proxy: ProxyConfig | undefined,
  parts: BackgroundJobsParts,
): Promise<JobControl | undefined> {
  const { opened, pulling, cache, usage, telemetry, clock } = parts;
  if (!proxy || !pulling) return undefined;
  const jobs = new Jobs({ now: clock.now, events: telemetry.jobs });
  const warmer = {
    find: createFind(proxy, pulling),
    fetching: usage.recorder.fetching.bind(usage.recorder),
    check: cache.check.bind(cache),
    pin: cache.pin.bind(cache),
  };
  let syncing: Syncing | undefined;
  const local = new LocalJobs({
    ...{ jobs, warmer, concurrency: CONCURRENCY },
    previewSync: (rule) => {
      if (!syncing) throw new ControlError('not-found', 'proxy.sync has no rules');
      return syncing.preview(rule);
    },
  });
  if (proxy.sync.length > 0) {
    const { createSyncing } = await import('./syncing.ts');
    syncing = createSyncing(proxy.sync, { ...parts, ...warmer, jobs, limit: local.limit });
  }
  opened.use(jobs);
  if (syncing && !proxy.offline) await runOnLeader(syncing, parts);
  return local;
}

/** Of the processes that share the cache, one runs the schedules. */
async function runOnLeader(syncing: Syncing, { opened, owner, usage, redis }: BackgroundJobsParts): Promise<void> {
  const closed = new AbortController();
  opened.defer(() => closed.abort());
  if (!usage.index.isShared || !redis) {
    void owner.acquired.then(() => syncing.keepRunning(closed.signal));
    return;
  }
  const { createLeadership } = await import('../../redis/leadership.ts');
  const leadership = createLeadership(redis, 'jobs');
  opened.defer(() => leadership.stop());
  let ended = new AbortController();
  leadership.start({
    async begin() {
      ended = new AbortController();
      syncing.keepRunning(AbortSignal.any([closed.signal, ended.signal]));
    },
    end: async () => ended.abort(),
  });
}

function createFind(proxy: ProxyConfig, pulling: Pulling) {
  const storedNameOf = createStoredNames(proxy);
  const isHosted = matchGlobs(proxy.hosted);
  return (host: string, repository: string) => {
    const name = storedNameOf(host, repository);
    if ('problem' in name) throw new ControlError('not-found', name.problem);
    const { stored } = name;
    if (isHosted(stored)) throw new ControlError('invalid', `${stored} is hosted here, and not pulled`);
    return { registry: pulling.find(stored).registry, stored };
  };
}
