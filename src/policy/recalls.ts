import type { Clock, Timer } from '../clock/clock.ts';
import { type Digest, isDigest } from '../oci/digest.ts';
import { ControlError } from '../operations/control-error.ts';
import type {
  DeniedDigest,
  DeniedView,
  RecallControl,
  RecallRequest,
  RecallResult,
} from '../operations/recall-control.ts';
import type { DenialOrigin, Denials } from './denials.ts';
import type { RecalledDigest, RecalledDigests } from './recalled-digests.ts';

/** Notifies the other replicas when a recall is made or lifted. */
export interface RecallChannel {
  /** @returns whether every replica has confirmed that the change applies */
  announce(): Promise<boolean>;
  /** @param onAnnounced has the change apply, and returns whether it does. Also called when announcements may have been missed */
  listen(onAnnounced: () => Promise<boolean>): void;
}

export interface RecallEvents {
  recalled(digests: readonly Digest[], reason: string): void;
  lifted(digests: readonly Digest[]): void;
  /** Once for each outage of the storage. */
  unreadable(error: unknown): void;
}

export interface RecallsOptions {
  readonly denials: Denials;
  readonly recalled: RecalledDigests;
  /** Removes copies of content from other processes of this service. */
  readonly onChanged: () => Promise<void>;
  /** Absent without replicas that share Redis. */
  readonly channel?: RecallChannel | undefined;
  readonly events: RecallEvents;
  readonly clock: Clock;
}

/** How soon a replica without Redis knows of a recall. Milliseconds. */
const INTERVAL_MS = 30_000;
/** After the storage could not be read. Milliseconds. */
const RETRY_MS = 2_000;
const MAX_REASON = 1_000;
const ORIGINS: readonly DenialOrigin[] = ['recall', 'file', 'configuration'];

/** Digests that an operator has recalled. They stay recalled after a restart, and on all replicas with the same storage. */
export class Recalls implements RecallControl {
  readonly #options: RecallsOptions;
  #recalled: readonly RecalledDigest[] = [];
  /** Changes and readings follow each other. */
  #working: Promise<unknown> = Promise.resolve();
  #timer: Timer | undefined;
  #isUnreadable = false;
  /** Every replica has confirmed the last change. */
  #isEverywhere = true;
  #isClosed = false;

  constructor(options: RecallsOptions) {
    this.#options = options;
  }

  /** Reads the recalls, and from then on those of other replicas. While the storage cannot be read, this is repeated. */
  async start(): Promise<void> {
    this.#options.channel?.listen(() => this.#refresh());
    await this.#refresh();
  }

  async denied(): Promise<DeniedView> {
    const { denials } = this.#options;
    const times = new Map(this.#recalled.map(({ digest, recalledAt }) => [digest, recalledAt]));
    const digests = ORIGINS.flatMap((origin) =>
      [...denials.listOf(origin).digests].map(
        ([digest, reason]): DeniedDigest => ({
          digest,
          origin,
          ...(reason !== '' && { reason }),
          ...(origin === 'recall' && { recalledAt: times.get(digest) }),
        }),
      ),
    );
    return { digests, names: ORIGINS.flatMap((origin) => denials.listOf(origin).names) };
  }

  async recall({ digests, reason }: RecallRequest): Promise<RecallResult> {
    const parsed = digests.map(parse);
    if (reason !== undefined && reason.length > MAX_REASON)
      throw new ControlError('invalid', `the reason must not be longer than ${MAX_REASON} characters`);
    const recalledAt = this.#options.clock.now();
    await this.#change(parsed, (digest) => {
      // Without a reason, a recall that is repeated stays as it is.
      const before = this.#recalled.find((one) => one.digest === digest);
      const same = { digest, reason: before?.reason ?? '', recalledAt: before?.recalledAt ?? recalledAt };
      return this.#options.recalled.save({ ...same, ...(reason !== undefined && { reason }) });
    });
    this.#options.events.recalled(parsed, reason ?? '');
    return { ...(await this.denied()), isEverywhere: this.#isEverywhere };
  }

  async lift(digests: readonly string[]): Promise<RecallResult> {
    const parsed = digests.map(parse);
    await this.#inTurn(() => this.#load());
    for (const digest of parsed) {
      if (!this.#recalled.some((one) => one.digest === digest))
        throw new ControlError('not-found', `${digest} is not recalled${this.#deniedBy(digest)}`);
    }
    await this.#change(parsed, (digest) => this.#options.recalled.remove(digest));
    this.#options.events.lifted(parsed);
    return { ...(await this.denied()), isEverywhere: this.#isEverywhere };
  }

  #deniedBy(digest: Digest): string {
    const origin = ORIGINS.find((each) => this.#options.denials.listOf(each).digests.has(digest));
    return origin === undefined ? '' : `, but denied by ${origin === 'file' ? 'the deny file' : 'policy.deny.digests'}`;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#working;
  }

  async #change(digests: readonly Digest[], change: (digest: Digest) => Promise<void>): Promise<void> {
    const { recalled, channel } = this.#options;
    await this.#inTurn(async () => {
      try {
        for (const digest of digests) await change(digest);
      } catch (cause) {
        throw new ControlError('unavailable', `the storage cannot be written: ${messageOf(cause)}`);
      } finally {
        // The written part applies, also when the storage cannot be listed now.
        await this.#apply(await recalled.load().catch(() => recalled.known()));
      }
    });
    this.#isEverywhere = (await channel?.announce()) ?? true;
  }

  /** @returns whether the recalls in the storage apply */
  async #refresh(): Promise<boolean> {
    this.#timer?.cancel();
    if (this.#isClosed) return false;
    try {
      await this.#inTurn(() => this.#load());
      this.#isUnreadable = false;
    } catch (err) {
      if (!this.#isUnreadable) this.#options.events.unreadable(err);
      this.#isUnreadable = true;
    }
    this.#timer?.cancel();
    const delayMs = this.#isUnreadable ? RETRY_MS : INTERVAL_MS;
    if (!this.#isClosed) this.#timer = this.#options.clock.setTimer(() => void this.#refresh(), delayMs);
    return !this.#isUnreadable;
  }

  async #load(): Promise<void> {
    await this.#apply(await this.#options.recalled.load());
  }

  async #apply(recalled: readonly RecalledDigest[]): Promise<void> {
    const before = new Set(this.#recalled);
    if (recalled.length === before.size && recalled.every((each) => before.has(each))) return;
    const digests = new Map(recalled.map(({ digest, reason }) => [digest, reason]));
    this.#options.denials.replace('recall', { digests, names: [] });
    this.#recalled = recalled;
    await this.#options.onChanged();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const worked = this.#working.then(work);
    this.#working = worked.catch(() => {}); // its caller gets the error
    return worked;
  }
}

/** @throws {ControlError} `invalid` */
function parse(digest: string): Digest {
  if (!isDigest(digest))
    throw new ControlError('invalid', `${JSON.stringify(digest)} is not a digest, such as sha256:…`);
  return digest;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
