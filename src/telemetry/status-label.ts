import { STATUS_CODES } from 'node:http';

/** A status as a label. Whoever answers can make up hundreds; those that nobody knows share one value. */
export function statusLabel(status: number): string {
  return STATUS_CODES[status] === undefined ? 'other' : String(status);
}
