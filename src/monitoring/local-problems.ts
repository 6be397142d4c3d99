import type { Health } from '../health/health.ts';
import { PROBLEMS } from '../operations/problem-catalogue.ts';
import type { Problem, ProblemControl } from '../operations/problem-control.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { LoggedProblem } from './cause-log.ts';
import type { DenyFileWatch } from './deny-file-watch.ts';
import type { LocalActivity } from './local-activity.ts';
import type { ProblemLog } from './problem-log.ts';
import { inProblemOrder } from './problem-order.ts';

export interface LocalProblemsOptions {
  readonly log: ProblemLog;
  readonly denyFile: Pick<DenyFileWatch, 'problems'>;
  readonly activity: Pick<LocalActivity, 'clients'>;
  readonly health: Pick<Health, 'report'>;
  readonly metrics: Metrics;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** A certificate with less is about to end. Seconds. */
const CERTIFICATE_SECONDS = 7 * 86_400;
/** Fewer may be a health check or the start of a client. */
const MIN_PINGS = 5;

/** The problems of this process. */
export class LocalProblems implements ProblemControl {
  readonly #options: LocalProblemsOptions;

  constructor(options: LocalProblemsOptions) {
    this.#options = options;
  }

  /** The most severe first, and of these the latest of each cause. */
  async problems(): Promise<readonly Problem[]> {
    const { denyFile, log } = this.#options;
    const lasting = [...denyFile.problems(), ...this.#failingChecks(), ...(await this.#certificate())];
    return inProblemOrder([...lasting, ...(await this.#unusedMirrors()), ...log.all()].map(viewOf));
  }

  #failingChecks(): readonly LoggedProblem[] {
    const failing = Object.entries(this.#options.health.report()).filter(
      // Those of upstreams follow breakers, which are separate problems.
      ([name, { state }]) => state === 'failing' && !name.startsWith('upstream_'),
    );
    return failing.map(([subject, { reason }]) => this.#now({ cause: 'check-failing', subject, detail: reason }));
  }

  async #certificate(): Promise<readonly LoggedProblem[]> {
    const seconds = await this.#options.metrics.certificateExpiry.read();
    if (seconds === undefined || seconds > CERTIFICATE_SECONDS) return [];
    return [this.#now({ cause: 'certificate-ends', detail: `${Math.round(seconds / 3_600)} hours left` })];
  }

  async #unusedMirrors(): Promise<readonly LoggedProblem[]> {
    const { clients } = await this.#options.activity.clients();
    const unused = clients.filter(({ pings, pulls, errors }) => pings >= MIN_PINGS && pulls === 0 && errors === 0);
    return unused.map(({ client, agent, pings, firstAt, lastAt }) => ({
      cause: 'pings-never-pulls',
      subject: client,
      detail: agent,
      count: pings,
      firstAt: Date.parse(firstAt),
      lastAt: Date.parse(lastAt),
    }));
  }

  #now(problem: Pick<LoggedProblem, 'cause' | 'subject' | 'detail'>): LoggedProblem {
    const at = this.#options.now();
    return { ...problem, count: 1, firstAt: at, lastAt: at };
  }
}

function viewOf({ cause, upstream, subject, detail, count, firstAt, lastAt }: LoggedProblem): Problem {
  const times = { firstAt: new Date(firstAt).toISOString(), lastAt: new Date(lastAt).toISOString() };
  return { cause, ...PROBLEMS[cause], upstream, subject, detail, count, ...times };
}
