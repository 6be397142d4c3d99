import type { FinishedRequest } from '../http/v2/request-events.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { ProblemLog } from './problem-log.ts';
import { errorKind, type UpstreamWatch } from './upstream-watch.ts';

type Events<Part extends 'upstream' | 'cache' | 'auth' | 'notifications'> = Partial<Telemetry[Part]>;

/** Upstream errors that are a cause of the same name. */
const CAUSES = ['network', 'timeout', 'throttled', 'server'] as const;

/** @param watch gets the same events, earlier */
export function upstreamProblems(log: ProblemLog, watch: Pick<UpstreamWatch, 'of'>): Events<'upstream'> {
  return {
    callEnded({ upstream, host, operation, repository, error }) {
      if (!error) return;
      const detail = `${operation}: ${error.message}`;
      if (error.kind === 'unauthorized') log.note({ cause: 'unauthorized', upstream, subject: repository, detail });
      const isPlain = error.options.isPlainNotFound === true && watch.of(upstream, host).failing !== undefined;
      if (error.kind === 'protocol' || isPlain) log.note({ cause: 'protocol', upstream, subject: host, detail });
    },
    exchangeCompleted({ upstream, host, operation, status }) {
      const kind = errorKind(status);
      const cause = CAUSES.find((each) => each === kind);
      if (cause) log.note({ cause, upstream, subject: host, detail: `${operation}: ${status}` });
      else if (status === 403) log.note({ cause: 'denied', upstream, subject: host, detail: operation });
    },
    breakerChanged({ upstream, host, to, reason }) {
      if (to === 'open') log.note({ cause: 'breaker-open', upstream, subject: host, detail: reason });
      else if (to === 'closed') log.solved('breaker-open', upstream, host);
    },
    loginChanged({ upstream, account, trouble }) {
      if (trouble) log.note({ cause: 'login-refused', upstream, subject: account, detail: trouble.reason });
      else log.solved('login-refused', upstream, account);
    },
    credentialsFailed: ({ upstream, source, reason }) =>
      log.note({ cause: 'credentials', upstream, subject: source, detail: reason }),
  };
}

export function cacheProblems(log: ProblemLog): Events<'cache'> {
  return {
    fillFailed: ({ upstream, digest, reason }) =>
      log.note({ cause: 'fill-failed', upstream, subject: digest, detail: reason }),
    fillDiscarded: ({ upstream, digest, reason }) =>
      log.note({ cause: 'fill-discarded', upstream, subject: digest, detail: reason }),
    storageFull: ({ what }) => log.note({ cause: 'disk-full', detail: what }),
    storageRecovered: () => log.solved('disk-full', undefined, undefined),
    damagedContent: ({ path, reason }) => log.note({ cause: 'damaged', subject: path, detail: reason }),
  };
}

/** @param isHidden clients are not kept */
export function loginProblems(log: ProblemLog, isHidden: boolean): Events<'auth'> {
  return {
    loginFailed: ({ address, reason }) =>
      log.note({ cause: 'login-failed', subject: isHidden ? undefined : address, detail: reason }),
  };
}

export function webhookProblems(log: ProblemLog): Events<'notifications'> {
  return {
    notificationsStalled({ endpoint, reason }) {
      if (reason === undefined) log.solved('webhook-failing', undefined, endpoint);
      else log.note({ cause: 'webhook-failing', subject: endpoint, detail: reason });
    },
  };
}

/** What the error of a request shows. Does nothing for requests without one. */
export function requestProblem(log: ProblemLog, { error, upstream, repository, url }: FinishedRequest): void {
  if (error?.code === 'NAME_UNKNOWN') {
    const [, host] = /[?&]ns=([^&]*)/.exec(url) ?? [];
    if (host !== undefined) log.note({ cause: 'unknown-registry', subject: host, detail: error.message });
  } else if (error?.code === 'DENIED' && error.from !== 'upstream') {
    const cause = error.from === 'deny' ? 'denied-by-policy' : 'not-allowed';
    log.note({ cause, upstream, subject: repository, detail: error.message });
  }
}
