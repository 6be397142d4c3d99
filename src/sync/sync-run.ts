import pLimit, { type LimitFunction } from 'p-limit';

import type { SyncRuleConfig } from '../config/config.ts';
import { BackgroundRegistry } from '../jobs/background-registry.ts';
import { failureOf, ImageWarmer, reasonOf } from '../jobs/image-warmer.ts';
import type { JobReport } from '../jobs/job.ts';
import type { ImageCheckRequest } from '../operations/cache-control.ts';
import { isComplete, type JobImage } from '../operations/job-control.ts';
import type { Bandwidth } from '../registry/registry.ts';
import { pushImage, type SyncTarget, targetRepository } from './push-image.ts';
import { imageOf, type RuleImage, RuleTags, type SyncCache } from './rule-tags.ts';

export interface SyncOptions extends SyncCache {
  readonly isPinned: (name: string) => Promise<boolean>;
  /** Shared by all jobs. */
  readonly limit: LimitFunction;
  /** Of the rule. Absent: that of all jobs. */
  readonly bandwidth: Bandwidth | undefined;
  /** Absent: images stay in the cache. */
  readonly target: SyncTarget | undefined;
}

export interface SyncCall {
  readonly report: JobReport;
  readonly signal: AbortSignal;
  /** Aborts when the time is over: the images that are left wait for the next run. */
  readonly timeOver: AbortSignal;
}

/** Blobs of an image that are copied to another registry at the same time. */
const PUSH_JOBS = 3;

/** One run of a rule. One image, or one repository, that fails does not end it. */
export class SyncRun {
  readonly #rule: SyncRuleConfig;
  readonly #options: SyncOptions;
  readonly #call: SyncCall;
  /** Of both signals. */
  readonly #signal: AbortSignal;
  readonly #warmer: ImageWarmer;

  constructor(rule: SyncRuleConfig, options: SyncOptions, call: SyncCall) {
    this.#rule = rule;
    this.#options = options;
    this.#call = call;
    this.#signal = AbortSignal.any([call.signal, call.timeOver]);
    this.#warmer = new ImageWarmer(options);
  }

  /** @throws the reason of the signal */
  async run(): Promise<void> {
    const { report, signal } = this.#call;
    const { images, gone, failed } = await new RuleTags(this.#rule, this.#options).find(signal);
    const perImage = this.#options.target ? 2 : 1;
    report.planned(images.length * perImage + gone.length + failed.length);
    for (const row of failed) report.done(row);
    const limit = pLimit(this.#rule.concurrency);
    const results = await Promise.allSettled([
      ...images.map((image) => limit(() => this.#options.limit(() => this.#sync(image)))),
      ...gone.map((image) => limit(() => this.#handleGone(image))),
    ]);
    signal.throwIfAborted();
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #sync(image: RuleImage): Promise<void> {
    const { report } = this.#call;
    let parts: ImageCheckRequest | undefined;
    const cached = await this.#untilOver(image.name, () =>
      this.#warmer.warm(image, {
        class: 'sync',
        bandwidth: this.#options.bandwidth,
        signal: this.#signal,
        onProgress: report.progress.bind(report),
        onComplete: (complete) => (parts = complete),
      }),
    );
    report.done(cached);
    const { target } = this.#options;
    if (target) report.done(parts ? await this.#push(image, parts, target) : notPushed(image, cached, target));
  }

  async #push(image: RuleImage, parts: ImageCheckRequest, target: SyncTarget): Promise<JobImage> {
    const { location, platforms, referrers } = image;
    const { find, fetching } = this.#options;
    const { report } = this.#call;
    const name = targetName(image, target);
    const source = new BackgroundRegistry({
      ...find(location.host, location.repository),
      ...{ class: 'sync', signal: this.#signal, fetching },
    });
    return this.#untilOver(name, async () => {
      const { digest, was, bytes, isCopied } = await pushImage(
        {
          ...{ location, digest: parts.digest, platforms, manifests: parts.manifests },
          attachments: referrers ? parts.attachments.map((each) => each.digest) : undefined,
        },
        {
          ...{ source, target, signal: this.#signal, jobs: PUSH_JOBS },
          onBytes: (copied, total) => report.progress({ name, bytes: copied, total }),
        },
      );
      const isMoved = was !== undefined && was !== digest;
      const outcome = isMoved ? 'moved' : isCopied ? 'fetched' : 'present';
      return { name, digest, ...(isMoved && { was }), bytes, spent: 0, outcome };
    });
  }

  /** A list without a tag is not enough to remove it: the upstream has to confirm that. */
  async #handleGone({ location, name }: RuleImage): Promise<void> {
    const { registry, stored } = this.#options.find(location.host, location.repository);
    const gone = (reason: string): JobImage => ({ name, bytes: 0, spent: 0, outcome: 'gone', reason });
    const row = await this.#untilOver(name, async () => {
      if (this.#rule.gone === 'keep') return gone('the upstream no longer lists it; the cache keeps it');
      try {
        const call = { background: 'sync', signal: this.#signal, always: true } as const;
        const { digest } = await registry.confirmTag(location.repository, location.tag, call);
        return { name, digest, bytes: 0, spent: 0, outcome: 'present' };
      } catch (err) {
        if (failureOf(err, false) !== 'gone') throw err;
      }
      if (await this.#options.isPinned(`${stored}:${location.tag}`))
        return gone('the upstream does not have it; it is pinned');
      await registry.removeCachedTag(location.repository, location.tag);
      return gone('the upstream does not have it; the tag was removed');
    });
    this.#call.report.done(row);
  }

  /** A failure, and the end of the time, are outcomes. @throws the reason of the signal that ends the run */
  async #untilOver(name: string, work: () => Promise<JobImage>): Promise<JobImage> {
    const { signal, timeOver } = this.#call;
    try {
      return await work();
    } catch (err) {
      signal.throwIfAborted();
      const outcome = timeOver.aborted ? 'held' : failureOf(err, undefined);
      return { name, bytes: 0, spent: 0, outcome, reason: reasonOf(err) };
    }
  }
}

function targetName({ location }: RuleImage, target: SyncTarget): string {
  return imageOf(target.host, targetRepository(target, location.repository), location.tag);
}

function notPushed(image: RuleImage, { name, outcome }: JobImage, target: SyncTarget): JobImage {
  const reason = `${name} is not complete`;
  return {
    name: targetName(image, target),
    bytes: 0,
    spent: 0,
    outcome: isComplete({ outcome }) ? 'failed' : outcome,
    reason,
  };
}
