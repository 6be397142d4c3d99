import type { FinishedRequest, RequestEvents } from './request-events.ts';

/** The events, with an observer of requests that have ended. @param observe absent: the same events */
export function observeRequests(
  events: RequestEvents,
  observe: ((request: FinishedRequest) => void) | undefined,
): RequestEvents {
  if (!observe) return events;
  return {
    ...events,
    requestFinished(request) {
      events.requestFinished(request);
      observe(request);
    },
  };
}
