import type { FillView } from './fill-control.ts';
import type { JobStatus } from './job-control.ts';
import type { Problem } from './problem-control.ts';
import type { BreakerView } from './upstream-control.ts';
import type { VerificationView } from './verify-log.ts';

/** What happens now, for dashboards. In this process, and as server-sent events over the admin API. */
export interface EventControl {
  /**
   * Sends events until the signal is aborted. Nothing is gathered without listeners.
   *
   * @throws {ControlError} `unavailable` when there are 50 listeners already
   */
  listen(listener: (event: ServiceEvent) => void, options: ListenOptions): void;
  /** Ends all streams, because the service stops. */
  end(): void;
}

export interface ListenOptions {
  readonly signal: AbortSignal;
  /** Called when the service ends the stream. */
  readonly onEnd: () => void;
  /** Id of the last received event: those after it are sent again, when they are still known. */
  readonly after?: string | undefined;
}

/** Each is one server-sent event: `type` is its event, `data` its data as JSON. */
export type ServiceEvent = { readonly id: string } & ServiceEventData;

export type ServiceEventData =
  /** All running fills, at most four times a second, when they have changed. The last one of them is empty. */
  | { readonly type: 'fills'; readonly data: { readonly fills: readonly FillView[]; readonly total: number } }
  | { readonly type: 'breaker'; readonly data: BreakerChange }
  /** A problem is new, or happened again. */
  | { readonly type: 'problem'; readonly data: Problem }
  /** Progress of a job, once a second at most, and its end. */
  | { readonly type: 'job'; readonly data: JobStatus }
  /** A client requested the image for verification. */
  | { readonly type: 'verify'; readonly data: VerificationView }
  /** Events were missed: read lists again. */
  | { readonly type: 'reset'; readonly data: Readonly<Record<string, never>> };

export interface BreakerChange extends BreakerView {
  readonly upstream: string;
  readonly host: string;
  readonly at: string;
}
