/**
 * Messages of a 401 or 403 that refuses for a while, and not the content: GHCR's "secondary rate limit", and Docker Hub's lock-out after
 * failed or too frequent logins.
 */
const THROTTLING = /\brate[ -]?limit|\btoo many (?:requests|failed login)/i;

/** A login that was locked, which other requests without a new token do not meet. */
const LOGIN_LOCKED = /\btoo many failed login/i;

/** GHCR's `retry-after: 880.092µs, allowed: 44000/minute`, and `Retry-After: 30`. */
const RETRY_AFTER = /\bretry[ -]after:?\s*((?:\d{1,9}(?:\.\d{1,9})?(?:ns|[uµμ]s|ms|s|m|h))+|\d{1,9}\b)/i;
const PART = /(\d+(?:\.\d+)?)(ns|[uµμ]s|ms|s|m|h)/gi;

const UNIT_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, ms: 1, s: 1e3, m: 60e3, h: 3_600e3 };

export function isThrottlingMessage(message: string): boolean {
  return THROTTLING.test(message);
}

export function isLoginLocked(message: string): boolean {
  return LOGIN_LOCKED.test(message);
}

/** The wait that a message names, as a duration of Go or in seconds. Whole milliseconds, rounded up. */
export function retryAfterInMessageMs(message: string): number | undefined {
  const [, wait] = RETRY_AFTER.exec(message) ?? [];
  if (wait === undefined) return undefined;
  if (/^\d+$/.test(wait)) return Number(wait) * 1_000;
  let sum = 0;
  for (const [, count, unit = ''] of wait.matchAll(PART)) {
    sum += Number(count) * (UNIT_MS[unit.toLowerCase().replace(/[µμ]/, 'u')] ?? 0);
  }
  return Math.ceil(sum);
}
