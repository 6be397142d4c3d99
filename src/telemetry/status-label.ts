import { STATUS_CODES } from 'node:http';

/** A status as a label. Unregistered statuses share one value: a server could send hundreds. */
export function statusLabel(status: number): string {
  return STATUS_CODES[status] === undefined ? 'other' : String(status);
}
