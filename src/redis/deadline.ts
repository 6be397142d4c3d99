import { RedisDeadlineError } from './failure.ts';

/**
 * The same, or a {@link RedisDeadlineError} when it takes longer. What comes later is not looked at.
 *
 * A process that was busy itself finds its timer due and the answer unread in the socket; so the socket is read once
 * more before the time counts as over.
 */
export async function withDeadline<T>(work: Promise<T>, deadlineMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_resolve, reject) => {
    const expire = () => setImmediate(() => reject(new RedisDeadlineError(deadlineMs)));
    timer = setTimeout(expire, deadlineMs);
  });
  try {
    return await Promise.race([work, expiry]);
  } finally {
    clearTimeout(timer);
  }
}
