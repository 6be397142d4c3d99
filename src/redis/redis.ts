import type { RedisCommander } from 'ioredis';

/** Every command of Redis, as a method. A call uses one key, or keys with one hash tag. */
export type RedisCommands = RedisCommander;

/** Kind of a command, or of several that belong together. */
export interface RedisOperation {
  /** Name in metrics. */
  readonly name: string;
  /** Whether a server must accept writes for it, which a full server or a replica does not. */
  readonly writes: boolean;
  /** Which deadline applies. `pull`: a client waits for a blob; `background`: no client waits. */
  readonly patience: 'pull' | 'background';
}

/** `read-only`: the server responds and accepts no writes, for example because it is full or a replica. */
export type RedisState = 'starting' | 'up' | 'read-only' | 'down';

/** Why a command failed. */
export type RedisFailureKind = 'timeout' | 'connection' | 'unavailable' | 'writes-refused' | 'rejected';

/** Events for logs and metrics. */
export interface RedisEvents {
  /** Once per change. `reason` is for people, without secrets. */
  redisChanged(event: { readonly state: RedisState; readonly reason: string | undefined }): void;
  /** Once per operation that was sent; not for operations that were skipped. */
  redisCalled(event: {
    readonly operation: string;
    readonly durationMs: number;
    readonly failure: RedisFailureKind | undefined;
    readonly reason: string | undefined;
  }): void;
}

/** A listener of a channel. */
export interface RedisListener {
  onMessage(message: string): void;
  /** The subscription starts now; earlier messages may have been missed. */
  onGap(): void;
}

/** Redis as an optional service: no call fails or takes long because of it, since every call has a fallback. */
export interface Redis {
  readonly state: RedisState;
  /**
   * Sends commands.
   *
   * @param work sends the commands, and is called at most once. When it rejects, that counts as a failure of Redis
   * @returns the result of `work`, or `fallback`: at once while Redis is unavailable, and when `work` fails or takes longer
   *   than the operation's deadline. The server may still execute a command after its deadline.
   */
  call<T, F>(operation: RedisOperation, work: (commands: RedisCommands) => Promise<T>, fallback: F): Promise<T | F>;
  /** Subscribes to a channel until {@link close}. A channel has one listener. */
  listen(channel: string, listener: RedisListener): void;
  /** Later calls return their fallback. */
  close(): Promise<void>;
}
