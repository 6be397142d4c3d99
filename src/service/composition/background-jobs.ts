import type { ProxyConfig } from '../../config/config.ts';
import type { Clock } from '../../clock/clock.ts';
import type { CachedTags } from '../../jobs/keep-warm.ts';
import { Jobs } from '../../jobs/jobs.ts';
import { LocalJobs } from '../../jobs/local-jobs.ts';
import { matchGlobs } from '../../matching/glob.ts';
import type { CacheControl } from '../../operations/cache-control.ts';
import { ControlError } from '../../operations/control-error.ts';
import { NO_PULL_LOG, type PullLog } from '../../operations/pull-log.ts';
import type { Duty } from '../../retention/create-housekeeping.ts';
import type { Quota } from '../../retention/quota.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { CloseStack } from '../close-stack.ts';
import { createStoredNames } from './image-checks.ts';
import { createReserve } from './background-space.ts';
import type { Pulling } from './pulling.ts';
import type { Stored } from './stored.ts';
import type { Syncing } from './syncing.ts';

export interface BackgroundJobsParts extends Pick<Stored, 'usage' | 'redis'> {
  readonly opened: CloseStack;
  /** Absent without upstreams. */
  readonly pulling: Pulling | undefined;
  readonly cache: CacheControl;
  /** Absent when pulls are not recorded. */
  readonly pulls: PullLog | undefined;
  /** Absent without a quota. */
  readonly quota: Quota | undefined;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of the processes that share the cache, one does it. */
  readonly addDuty: (duty: Duty) => void;
}

/** Creates what fetches images that no client requested. Contacts no upstream. @returns undefined without upstreams */
export async function createBackgroundJobs(
  proxy: ProxyConfig | undefined,
  parts: BackgroundJobsParts,
): Promise<LocalJobs | undefined> {
  const { opened, pulling, cache, quota, pulls = NO_PULL_LOG, usage, telemetry, clock, addDuty } = parts;
  if (!proxy || !pulling) return undefined;
  const jobs = new Jobs({ now: clock.now, events: telemetry.jobs });
  const warmer = {
    find: createFind(proxy, pulling),
    fetching: usage.recorder.fetching.bind(usage.recorder),
    check: cache.check.bind(cache),
    pin: cache.pin.bind(cache),
    reserve: createReserve(quota),
  };
  const { concurrency } = proxy.background;
  const onError = (error: unknown) => telemetry.housekeeping.housekeepingFailed({ task: 'jobs', error });
  let syncing: Syncing | undefined;
  const local = new LocalJobs({
    ...{ jobs, warmer, concurrency, pulls, clock, onError },
    configured: proxy.warm,
    tags: createCachedTags(pulling),
    previewSync: async (rule: string) => {
      if (!syncing) throw new ControlError('not-found', 'proxy.sync has no rules');
      return syncing.preview(rule);
    },
  });
  if (proxy.sync.length > 0) {
    const { createSyncing } = await import('./syncing.ts');
    syncing = createSyncing(proxy.sync, { ...parts, ...warmer, jobs, limit: local.limit, onError });
  }
  // Before the registries that images are copied to.
  opened.use(jobs);
  for (const duty of [local, ...(syncing && !proxy.offline ? [syncing] : [])]) {
    addDuty(duty);
    opened.defer(() => duty.unschedule());
  }
  return local;
}

function createCachedTags(pulling: Pulling): CachedTags {
  return {
    ageOf: async ({ stored, tag }) => {
      const { registry, remote } = pulling.find(stored);
      return registry.tagAge(remote, tag);
    },
    refresh: async ({ stored, tag }, signal) => {
      const { registry, remote } = pulling.find(stored);
      const { digest, previous, fetched } = await registry.refreshTag(remote, tag, { background: 'warm', signal });
      const hasMoved = previous !== undefined && previous !== digest;
      const { bytes, manifests: spent } = fetched;
      const outcome = hasMoved ? 'moved' : bytes > 0 || spent > 0 ? 'fetched' : 'present';
      return { name: `${stored}:${tag}`, digest, ...(hasMoved && { was: previous }), bytes, spent, outcome };
    },
  };
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
