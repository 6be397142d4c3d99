import type { RedisCommander } from 'ioredis';

/** Every command of Redis, as a method. Each call touches one key, or keys of one hash tag. */
export type RedisCommands = RedisCommander;

/** What is asked of Redis, by the name that metrics have for it. */
export interface RedisOperation {
  readonly name: string;
  /** Has to be taken by a server that is full or only a replica, too. */
  readonly writes: boolean;
  /** `pull`: a client is waiting for a blob; `background`: nobody is. */
  readonly patience: 'pull' | 'background';
}

/** `read-only`: it answers and takes nothing, as when it is full or only a replica. */
export type RedisState = 'starting' | 'up' | 'read-only' | 'down';

/** Why a command had no answer. */
export type RedisFailureKind = 'timeout' | 'connection' | 'unavailable' | 'writes-refused' | 'rejected';

export interface RedisEvents {
  /** Once per change. `reason` is for people, without secrets. */
  redisChanged(event: { readonly state: RedisState; readonly reason: string | undefined }): void;
  /** Once per command, or group of commands, that was sent. Not for those that were spared. */
  redisCalled(event: {
    readonly operation: string;
    readonly durationMs: number;
    readonly failure: RedisFailureKind | undefined;
    readonly reason: string | undefined;
  }): void;
}

export interface RedisListener {
  onMessage(message: string): void;
  /** The channel is listened to from now on; what was published before may have been missed. */
  onGap(): void;
}

/**
 * A tier that may be absent. Nothing here throws or waits for long because of Redis: whoever asks says what to go on with.
 */
export interface Redis {
  readonly state: RedisState;
  /**
   * The one way to Redis.
   *
   * @param work may be called again by nobody; what it throws counts as a failure of Redis
   * @returns what `work` gives, or `fallback`: at once while Redis is not available, and when it does not answer within
   *   the deadline that goes with the operation's patience. A command that was too late may still be executed.
   */
  call<T, F>(operation: RedisOperation, work: (commands: RedisCommands) => Promise<T>, fallback: F): Promise<T | F>;
  /** One listener per channel, until {@link close}. */
  listen(channel: string, listener: RedisListener): void;
  /** Later calls fall back. */
  close(): Promise<void>;
}
