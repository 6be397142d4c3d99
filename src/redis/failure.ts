import { ReplyError } from 'ioredis';

import type { RedisFailureKind } from './redis.ts';

/** Why a command failed. */
export interface RedisFailure {
  readonly kind: RedisFailureKind;
  /** For people. Without arguments of the command, which may contain a password. */
  readonly reason: string;
  /** The connection can access only some of the keys. */
  readonly isMisconfigured?: boolean;
}

/** No reply before the deadline. */
export class RedisDeadlineError extends Error {
  override readonly name = 'RedisDeadlineError';

  constructor(deadlineMs: number) {
    super(`no reply within ${deadlineMs} ms`);
  }
}

/** First words of error replies to writes: the server is full, a replica, or configured not to accept writes now. */
const WRITES_REFUSED = new Set(['OOM', 'READONLY', 'MISCONF', 'NOREPLICAS']);
/** First words of error replies that every command would get. */
const UNAVAILABLE = new Set(['LOADING', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'BUSY', 'NOAUTH', 'WRONGPASS', 'ASK']);

const NODE_OF_CLUSTER = 'the server is a node of a cluster: list two or more nodes in redis.addrs';

/** Classifies an error of the client library or the server. */
export function describeFailure(err: unknown): RedisFailure {
  const message = err instanceof Error ? err.message : String(err);
  // The reply to an unknown command repeats the arguments.
  const reason = message.replace(/,? with args beginning with.*$/s, '').slice(0, 200);
  if (err instanceof RedisDeadlineError) return { kind: 'timeout', reason };
  const [word = ''] = message.split(' ', 1);
  if (WRITES_REFUSED.has(word)) return { kind: 'writes-refused', reason };
  if (UNAVAILABLE.has(word)) return { kind: 'unavailable', reason };
  if (word === 'MOVED') {
    return { kind: 'unavailable', reason: NODE_OF_CLUSTER, isMisconfigured: true };
  }
  return { kind: err instanceof ReplyError ? 'rejected' : 'connection', reason };
}
