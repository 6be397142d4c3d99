import { connect } from '../../client/connect.ts';
import type { Clock } from '../../clock/clock.ts';
import type { SyncRuleConfig } from '../../config/config.ts';
import { BandwidthLimit } from '../../fills/bandwidth-limit.ts';
import type { Jobs } from '../../jobs/jobs.ts';
import type { CacheControl } from '../../operations/cache-control.ts';
import { ControlError } from '../../operations/control-error.ts';
import type { JobImage } from '../../operations/job-control.ts';
import { SingleFlight } from '../../pull-through/single-flight.ts';
import type { Duty } from '../../retention/create-housekeeping.ts';
import type { SyncTarget } from '../../sync/push-image.ts';
import { SyncJob, type SyncJobOptions } from '../../sync/sync-job.ts';
import { VERSION } from '../../version.ts';
import type { CloseStack } from '../close-stack.ts';

export interface SyncingParts extends Omit<SyncJobOptions, 'target' | 'isPinned' | 'bandwidth'> {
  readonly cache: Pick<CacheControl, 'show'>;
  readonly opened: CloseStack;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly jobs: Jobs;
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}

export interface Syncing extends Duty {
  /** @param rule its name @throws {ControlError} `not-found` */
  preview(rule: string): Promise<readonly JobImage[]>;
}

/** Creates a job for each rule. Contacts no registry. @throws when a file of CAs cannot be read */
export function createSyncing(rules: readonly SyncRuleConfig[], parts: SyncingParts): Syncing {
  const isPinned = createPinCheck(parts.cache);
  const jobs = new Map(
    rules.map((rule) => [
      rule.name,
      new SyncJob(rule, {
        ...{ ...parts, isPinned, target: rule.to && openTarget(rule.to, parts) },
        bandwidth: rule.bandwidth === undefined ? undefined : new BandwidthLimit(rule.bandwidth, parts.clock),
      }),
    ]),
  );
  let ended = new AbortController();
  /** One for each rule, because it may continue without the client that requested it. */
  const previews = new SingleFlight<readonly JobImage[]>();
  return {
    async preview(name) {
      const job = jobs.get(name);
      if (!job) throw new ControlError('not-found', `proxy.sync has no rule ${name}`);
      return previews.run(name, () => job.preview(new AbortController().signal)).result;
    },
    schedule() {
      ended = new AbortController();
      for (const job of jobs.values()) job.schedule(ended.signal, parts.onError);
    },
    unschedule: () => ended.abort(new Error('another process runs it')),
  };
}

function createPinCheck(cache: Pick<CacheControl, 'show'>) {
  return async (name: string): Promise<boolean> => {
    try {
      return (await cache.show(name)).pinned;
    } catch (err) {
      if (err instanceof ControlError && err.reason === 'not-found') return false;
      throw err;
    }
  };
}

function openTarget(
  { host, plainHttp, prefix, isNarrowed, credentials, tls }: NonNullable<SyncRuleConfig['to']>,
  { opened, env }: Pick<SyncingParts, 'opened' | 'env'>,
): SyncTarget {
  const registry = connect(host, { credentials, tls, plainHttp, env, version: VERSION });
  opened.defer(() => registry.close());
  return { registry, host, prefix, isNarrowed };
}
