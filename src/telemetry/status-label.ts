import { http } from '../builtin/http.ts';

/** A status as a label. Unregistered statuses share one value: a server could send hundreds. */
export function statusLabel(status: number): string {
  return http.STATUS_CODES[status] === undefined ? 'other' : String(status);
}
