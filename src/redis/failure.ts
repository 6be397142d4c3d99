import type { RedisFailureKind } from './redis.ts';

export interface RedisFailure {
  readonly kind: RedisFailureKind;
  /** For people; without what was sent, which can hold a password. */
  readonly reason: string;
  /** Some keys may be had and others not, for as long as this connection lasts. */
  readonly isMisconfigured?: boolean;
}

/** No answer within the time that there was. */
export class RedisDeadlineError extends Error {
  override readonly name = 'RedisDeadlineError';

  constructor(deadlineMs: number) {
    super(`no answer within ${deadlineMs} ms`);
  }
}

/** First words of error replies: full, a replica, or not allowed to write by its own rules. */
const WRITES_REFUSED = new Set(['OOM', 'READONLY', 'MISCONF', 'NOREPLICAS']);
/** First words of error replies that every other command would get as well. */
const UNAVAILABLE = new Set(['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'BUSY', 'NOAUTH', 'WRONGPASS', 'ASK']);

const NODE_OF_CLUSTER = 'the server is a node of a cluster: redis.addrs has to name two or more';

/** What an error of the client, or of the server, says about the tier. */
export function describeFailure(err: unknown): RedisFailure {
  const message = err instanceof Error ? err.message : String(err);
  // A server that does not know a command repeats its arguments.
  const reason = message.replace(/,? with args beginning with.*$/s, '').slice(0, 200);
  if (err instanceof RedisDeadlineError) return { kind: 'timeout', reason };
  const [word = ''] = message.split(' ', 1);
  if (WRITES_REFUSED.has(word)) return { kind: 'writes-refused', reason };
  if (UNAVAILABLE.has(word)) return { kind: 'unavailable', reason };
  if (word === 'MOVED') {
    return { kind: 'unavailable', reason: NODE_OF_CLUSTER, isMisconfigured: true };
  }
  const isReply = err instanceof Error && err.name === 'ReplyError';
  return { kind: isReply ? 'rejected' : 'connection', reason };
}
