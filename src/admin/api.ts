import type { ControlFailure } from '../operations/control-error.ts';

/** Below which everything of the admin API is. */
export const ADMIN_PATH = '/admin/api/v1';

/** What the API answers instead of what was asked for. */
export interface AdminErrorBody {
  readonly error: { readonly reason: ControlFailure | 'internal'; readonly message: string };
}

export const STATUS_OF: Readonly<Record<ControlFailure, number>> = {
  invalid: 400,
  denied: 401,
  'not-found': 404,
  held: 409,
  unavailable: 503,
};
