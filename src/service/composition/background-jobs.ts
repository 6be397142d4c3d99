import type { ProxyConfig } from '../../config/config.ts';
import type { Clock } from '../../clock/clock.ts';
import { HeldError } from '../../jobs/held-error.ts';
import type { ImageWarmerOptions } from '../../jobs/image-warmer.ts';
import { Jobs } from '../../jobs/jobs.ts';
import { LocalJobs } from '../../jobs/local-jobs.ts';
import { matchGlobs } from '../../matching/glob.ts';
import type { CacheControl } from '../../operations/cache-control.ts';
import { ControlError } from '../../operations/control-error.ts';
import { type Quota, QuotaFullError } from '../../retention/quota.ts';
import type { Telemetry } from '../../telemetry/telemetry.ts';
import type { CloseStack } from '../close-stack.ts';
import { createStoredNames } from './image-checks.ts';
import type { Pulling } from './pulling.ts';
import type { Stored } from './stored.ts';

export interface BackgroundJobsParts extends Pick<Stored, 'usage'> {
  readonly opened: CloseStack;
  /** Absent without upstreams. */
  readonly pulling: Pulling | undefined;
  readonly cache: CacheControl;
  /** Absent without a quota. */
  readonly quota: Quota | undefined;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** Creates what fetches images that no client requested. Contacts no upstream. @returns undefined without upstreams */
export function createBackgroundJobs(
  proxy: ProxyConfig | undefined,
  { opened, pulling, cache, quota, usage, telemetry, clock }: BackgroundJobsParts,
): LocalJobs | undefined {
  if (!proxy || !pulling) return undefined;
  const jobs = opened.use(new Jobs({ now: clock.now, events: telemetry.jobs }));
  const warmer = {
    find: createFind(proxy, pulling),
    fetching: usage.recorder.fetching.bind(usage.recorder),
    check: cache.check.bind(cache),
    pin: cache.pin.bind(cache),
    reserve: createReserve(quota),
  };
  const { concurrency } = proxy.background;
  const onError = (error: unknown) => telemetry.housekeeping.housekeepingFailed({ task: 'jobs', error });
  const local = new LocalJobs({ jobs, warmer, concurrency, configured: proxy.warm, clock, onError });
  opened.defer(() => local.schedule.unschedule());
  return local;
}

function createReserve(quota: Quota | undefined): ImageWarmerOptions['reserve'] {
  return async (blobs) => {
    try {
      return (await quota?.reserveInBackground(blobs)) ?? (() => {});
    } catch (err) {
      throw err instanceof QuotaFullError ? new HeldError('quota', { cause: err }) : err;
    }
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
