import { createHash, randomBytes } from 'node:crypto';

import { hasEnded, THIS_PROCESS } from '../../locks/process-identity.ts';

/** A holder that has not been heard of for this long is taken for dead. Milliseconds. */
const STALE_MS = 30_000;

const PREFIX = 'held-';
const NAME = /^held-([0-9a-f]{16})-(\d+)-(\d+(?:\.\d+)?)-[0-9a-f]+$/;

/** A file name that says which process holds the file. No two are the same. */
export function createHolderName(): string {
  const { pid, startedAt } = THIS_PROCESS;
  return `${PREFIX}${hashOf(THIS_PROCESS.space)}-${pid}-${startedAt}-${randomBytes(8).toString('hex')}`;
}

export function isHolderName(name: string): boolean {
  return name.startsWith(PREFIX);
}

/**
 * - `ended` is certain, `silent` is a guess: the holder may be a process that was stopped for a while, and go on.
 *
 * @param heardOfAt when it last did something. Unix milliseconds
 */
export function stateOfHolder(name: string, heardOfAt: number, now: number): 'alive' | 'ended' | 'silent' {
  const [, space, pid, startedAt] = NAME.exec(name) ?? [];
  const isNear = space === hashOf(THIS_PROCESS.space);
  if (isNear && hasEnded({ space: THIS_PROCESS.space, pid: Number(pid), startedAt: Number(startedAt) })) return 'ended';
  return now - heardOfAt > STALE_MS ? 'silent' : 'alive';
}

function hashOf(space: string): string {
  return createHash('sha256').update(space).digest('hex').slice(0, 16);
}
