import { readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process, so that nobody takes another one for it. */
export interface ProcessIdentity {
  /** Within which process ids mean something. */
  readonly space: string;
  readonly pid: number;
  /** Unix milliseconds: a process id is given out again. */
  readonly startedAt: number;
}

export const THIS_PROCESS: ProcessIdentity = {
  space: processSpace(),
  pid: process.pid,
  startedAt: performance.timeOrigin,
};

/** False also when it cannot be known from here. */
export function hasEnded({ space, pid, startedAt }: ProcessIdentity): boolean {
  if (space !== THIS_PROCESS.space) return false;
  if (pid === THIS_PROCESS.pid) return startedAt !== THIS_PROCESS.startedAt;
  try {
    process.kill(pid, 0);
    return false;
  } catch (err) {
    return (err as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

/** Containers may share a host name and each have a process 1. */
function processSpace(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname(); // not Linux, and so without containers of this kind
  }
}
