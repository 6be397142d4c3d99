import type { Fill } from '../../fills/fill.ts';
import type { RunningFills } from '../../fills/running-fills.ts';
import { isDigest } from '../../oci/digest.ts';
import { RegistryError } from '../../oci/errors.ts';
import { ControlError } from '../../operations/control-error.ts';
import type { CancelledFills, FillControl, FillList, FillView } from '../../operations/fill-control.ts';

/** Bounds a list to less than 1 MiB, with the longest names. */
const MAX_FILLS = 500;
const MAX_REPOSITORIES = 5;

/** The fills of this process. */
export class LocalFills implements FillControl {
  readonly #running: RunningFills;

  constructor(running: RunningFills) {
    this.#running = running;
  }

  async fills(): Promise<FillList> {
    const { all } = this.#running;
    return { fills: all.slice(0, MAX_FILLS).map(viewOf), total: all.length };
  }

  async cancelFill(digest: string): Promise<CancelledFills> {
    if (!isDigest(digest)) throw new ControlError('invalid', 'not a digest');
    const found = this.#running.all.filter((fill) => fill.digest === digest && !fill.ended);
    if (found.length === 0) throw new ControlError('not-found', `there is no fill of ${digest}`);
    // Like a failed upstream, and no cause to try again.
    for (const fill of found) fill.stop(new RegistryError('UNAVAILABLE', 'the fill was cancelled', { status: 502 }));
    return { cancelled: found.length };
  }
}

function viewOf(fill: Fill): FillView {
  const { digest, upstream, repositories, isStarted, size, written, rate, startedAt, clients, resumedFrom } = fill;
  return {
    digest,
    upstream,
    repositories: repositories.slice(0, MAX_REPOSITORIES),
    state: isStarted ? 'running' : 'waiting',
    size,
    written,
    bytesPerSecond: Math.round(rate),
    startedAt: new Date(startedAt).toISOString(),
    waiters: clients,
    resumedFrom,
  };
}
