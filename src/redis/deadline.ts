import { RedisDeadlineError } from './failure.ts';

/**
 * The same, or a {@link RedisDeadlineError} when it takes longer. What comes later is not looked at.
 *
 * A process that was busy itself finds its timer due and the answer unread in the socket; so the socket is read once
 * more before the time counts as over.
 */
export function withDeadline<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const expire = () => setImmediate(() => reject(new RedisDeadlineError(deadlineMs)));
    const timer = setTimeout(expire, deadlineMs);
    work.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (err: unknown) => {
        clearTimeout(timer);
        reject(err instanceof Error ? err : new Error(String(err)));
      },
    );
  });
}
