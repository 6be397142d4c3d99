import { createHash, randomBytes } from 'node:crypto';

import { hasEnded, THIS_PROCESS } from '../../locks/process-identity.ts';

/** A holder without a heartbeat for this long counts as dead. Milliseconds. */
const STALE_MS = 30_000;

const PREFIX = 'held-';
const NAME = /^held-([0-9a-f]{16})-(\d+)-(\d+(?:\.\d+)?)-[0-9a-f]+$/;

/** A unique file name that identifies this process as the holder of the file. */
export function createHolderName(): string {
  const { pid, startedAt } = THIS_PROCESS;
  return `${PREFIX}${hashOf(THIS_PROCESS.space)}-${pid}-${startedAt}-${randomBytes(8).toString('hex')}`;
}

export function isHolderName(name: string): boolean {
  return name.startsWith(PREFIX);
}

/**
 * Whether the holder of a file is alive.
 *
 * @param lastActiveAt time of its last heartbeat or write. Unix milliseconds
 * @param now Unix milliseconds
 * @returns `ended` when that is certain; `silent` when it is likely: the process may be suspended, and continue later
 */
export function stateOfHolder(name: string, lastActiveAt: number, now: number): 'alive' | 'ended' | 'silent' {
  const [, space, pid, startedAt] = NAME.exec(name) ?? [];
  const isVisible = space === hashOf(THIS_PROCESS.space);
  if (isVisible && hasEnded({ space: THIS_PROCESS.space, pid: Number(pid), startedAt: Number(startedAt) }))
    return 'ended';
  return now - lastActiveAt > STALE_MS ? 'silent' : 'alive';
}

function hashOf(space: string): string {
  return createHash('sha256').update(space).digest('hex').slice(0, 16);
}
