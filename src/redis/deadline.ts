import { RedisDeadlineError } from './failure.ts';

/**
 * Waits for a result until a deadline. Later results are ignored.
 *
 * When this process was busy, the timer may be due while the reply is still unread in the socket. So the socket is read once
 * more before the deadline takes effect.
 *
 * @throws {RedisDeadlineError}
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
