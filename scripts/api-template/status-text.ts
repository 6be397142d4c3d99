import { STATUS_CODES } from 'node:http';

/** `Not Found` for 404; empty for a status that does not exist. */
export function statusText(status: unknown): string {
  return STATUS_CODES[Number(status)] ?? '';
}
