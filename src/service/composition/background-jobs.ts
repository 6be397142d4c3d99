import type { ProxyConfig } from '../../config/config.ts';
import type { Clock } from '../../clock/clock.ts';
import { Jobs } from '../../jobs/jobs.ts';
import { LocalJobs } from '../../jobs/local-jobs.ts';
import { matchGlobs } from '../../matching/glob.ts';
import type { CacheControl } from '../../operations/cache-control.ts';
import { ControlError } from '../../operations/control-error.ts';
import type { JobControl } from '../../operations/job-control.ts';
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
  readonly telemetry: Telemetry;
  readonly clock: Clock;
}

/** Images that are fetched at the same time. */
const CONCURRENCY = 4;

/** Creates what fetches images that no client requested. Contacts no upstream. @returns undefined without upstreams */
export function createBackgroundJobs(
  proxy: ProxyConfig | undefined,
  { opened, pulling, cache, usage, telemetry, clock }: BackgroundJobsParts,
): JobControl | undefined {
  if (!proxy || !pulling) return undefined;
  const jobs = opened.use(new Jobs({ now: clock.now, events: telemetry.jobs }));
  const warmer = {
    find: createFind(proxy, pulling),
    fetching: usage.recorder.fetching.bind(usage.recorder),
    check: cache.check.bind(cache),
    pin: cache.pin.bind(cache),
  };
  return new LocalJobs({ jobs, warmer, concurrency: CONCURRENCY });
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
