import { ControlError } from '../operations/control-error.ts';
import type { PullRecord } from './pull-record.ts';

/** A record with its place in the store. */
export interface StoredPull {
  /** For {@link ReadQuery.before}. */
  readonly id: string;
  /** Absent when another version wrote it. */
  readonly record: PullRecord | undefined;
}

export interface PullsToWrite {
  /** A batch that is appended again, because the result is not known, is not recorded twice. */
  readonly id: string;
  readonly records: readonly PullRecord[];
}

export interface ReadQuery {
  /** Only records before this one. Absent for the newest. */
  readonly before?: string | undefined;
  readonly limit: number;
}

export interface TrimOptions {
  /** Older records are removed. Milliseconds. */
  readonly keepMs: number;
  /** Of this process. A server has its own time, which no replica with a wrong clock changes. Unix milliseconds. */
  readonly now: number;
  /** The oldest records are removed until the others fit. */
  readonly maxBytes: number;
}

/**
 * Records of pulls, in the order in which they were appended. They outlive the process: a batch is durable after `kill -9` once
 * {@link append} has resolved.
 */
export interface PullStore {
  /** @throws {ControlError} `unavailable` when it should be called again with the same batch */
  append(batch: PullsToWrite): Promise<void>;
  /** The newest first; fewer than the limit at the end. @throws {ControlError} `invalid` when `before` is not an id */
  read(query: ReadQuery): Promise<StoredPull[]>;
  /** @returns whether records were removed that are not too old */
  trim(options: TrimOptions): Promise<boolean>;
  /** May be called again. */
  close(): Promise<void>;
}

/** Both stores have ids of two numbers. @throws {ControlError} `invalid` */
export function parsePullId(id: string): readonly [number, number] {
  const [, at, n] = /^(\d{1,15})-(\d{1,15})$/.exec(id) ?? [];
  if (at === undefined) throw new ControlError('invalid', 'cursor is not one of a previous page');
  return [Number(at), Number(n)];
}
