import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Identifies a process among those of all machines and containers, over time. */
export interface ProcessIdentity {
  /** The machine or PID namespace to which `pid` belongs. */
  readonly space: string;
  readonly pid: number;
  /** Unix milliseconds. Distinguishes processes with a reused id. */
  readonly startedAt: number;
}

export const THIS_PROCESS: ProcessIdentity = {
  space: processSpace(),
  pid: process.pid,
  startedAt: performance.timeOrigin,
};

/** Whether the process has ended. False when that is unknown, as for a process on another machine. */
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

/** Identifies the time since the machine was started. Where that is unknown, it identifies this process. */
export function currentBoot(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
  } catch {
    return `${THIS_PROCESS.pid}-${THIS_PROCESS.startedAt}`; // not Linux
  }
}

/** Containers can have the same host name, and each has a process 1. */
function processSpace(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname(); // not Linux: no PID namespaces
  }
}
