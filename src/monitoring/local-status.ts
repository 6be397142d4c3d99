import type { Clock } from '../clock/clock.ts';
import type { Health } from '../health/health.ts';
import type { Problem, ProblemControl } from '../operations/problem-control.ts';
import type {
  DiskStatus,
  HistoryRange,
  HistoryView,
  ServiceStatus,
  StatusControl,
  UpstreamSummary,
} from '../operations/status-control.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { UsageIndex } from '../usage/usage-index.ts';
import { VERSION } from '../version.ts';
import type { History } from './history.ts';
import { hitRatio, savedBytes } from './series.ts';
import { verdictOf } from './verdict.ts';

export interface LocalStatusOptions {
  readonly history: History;
  readonly metrics: Metrics;
  readonly health: Pick<Health, 'readiness' | 'report'>;
  readonly index: Pick<UsageIndex, 'totals'>;
  readonly upstreams: () => readonly UpstreamSummary[];
  readonly problems: ProblemControl;
  /** Bytes. Absent without a quota. */
  readonly quota: number | undefined;
  /** The configuration turns all upstreams off. */
  readonly isOffline: boolean;
  readonly clock: Pick<Clock, 'now'>;
}

/** Older ones are history. Milliseconds. */
const PROBLEM_MS = 3_600_000;
const MAX_PROBLEMS = 10;

/** The state of this process. */
export class LocalStatus implements StatusControl {
  readonly #options: LocalStatusOptions;
  readonly #startedAt: string;

  constructor(options: LocalStatusOptions) {
    this.#options = options;
    this.#startedAt = timeOf(options.clock.now());
  }

  async status(): Promise<ServiceStatus> {
    const { history, metrics, isOffline } = this.#options;
    history.sample();
    const [hour, day] = [history.sums('1h'), history.sums('24h')];
    const lasting = await history.lasting().catch(() => ({ since: undefined, sum: day }));
    const upstreams = this.#options.upstreams();
    const ratio = { h1: hitRatio(hour), d1: hitRatio(day) };
    const problems = await this.#problems();
    const facts = { failure: this.#failure(), isOffline, upstreams, trouble: troubleOf(problems), ratio: ratio.h1 };
    return {
      ...verdictOf({ ...facts, requests: hour('requests') }),
      version: VERSION,
      startedAt: this.#startedAt,
      ratio,
      saved: { d1: savedBytes(day), sinceInstall: savedBytes(lasting.sum), since: optionalTime(lasting.since) },
      disk: await this.#disk(),
      fills: { running: metrics.fillsInFlight.value, waiters: metrics.fillWaiters.value },
      upstreams,
      problems: problems.slice(0, MAX_PROBLEMS),
    };
  }

  async history(range: HistoryRange): Promise<HistoryView> {
    this.#options.history.sample();
    return this.#options.history.view(range);
  }

  async #problems(): Promise<readonly Problem[]> {
    const since = this.#options.clock.now() - PROBLEM_MS;
    return (await this.#options.problems.problems()).filter(({ lastAt }) => Date.parse(lastAt) >= since);
  }

  /** Why it is not ready. */
  #failure(): string | undefined {
    const { health } = this.#options;
    const readiness = health.readiness();
    if (readiness === 'ready') return undefined;
    if (readiness === 'draining') return 'it is shutting down';
    const failing = Object.entries(health.report()).find(
      ([, { state, consequence }]) => state === 'failing' && consequence !== 'reported',
    );
    return failing ? `${failing[0]}: ${failing[1].reason ?? 'failing'}` : 'checks have not passed yet';
  }

  async #disk(): Promise<DiskStatus> {
    const { metrics, index, quota, clock } = this.#options;
    const [totals, free, idleSeconds] = await Promise.all([
      index.totals().catch(() => undefined),
      metrics.diskFree.read('storage'),
      metrics.oldestUse.read(),
    ]);
    const oldestUseAt = idleSeconds === undefined ? undefined : clock.now() - idleSeconds * 1_000;
    return { used: totals?.bytes ?? 0, quota, free, oldestUseAt: optionalTime(oldestUseAt) };
  }
}

function troubleOf(problems: readonly Problem[]): string | undefined {
  const worst = problems.find(({ severity }) => severity === 'error');
  return worst && [...(worst.upstream === undefined ? [] : [worst.upstream]), worst.text].join(': ');
}

function timeOf(unixMs: number): string {
  return new Date(unixMs).toISOString();
}

export function optionalTime(unixMs: number | undefined): string | undefined {
  return unixMs === undefined ? undefined : timeOf(unixMs);
}
