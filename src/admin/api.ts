import { join } from 'node:path';

import type { Config } from '../config/config.ts';
import type { ControlFailure } from '../operations/control-error.ts';

/** All paths of the admin API start with it. */
export const ADMIN_PATH = '/admin/api/v1';

/** Body of an error response. */
export interface AdminErrorBody {
  readonly error: { readonly reason: ControlFailure | 'internal'; readonly message: string };
}

export const STATUS_OF: Readonly<Record<ControlFailure, number>> = {
  invalid: 400,
  denied: 401,
  forbidden: 403,
  'not-found': 404,
  held: 409,
  unavailable: 503,
};

/** Where commands on the same machine find a running server. @returns undefined when the storage is not a directory */
export function adminSocketPath({ storage }: Config): string | undefined {
  const { driver } = storage;
  return driver.kind === 'filesystem' ? join(driver.rootDirectory, 'layover', 'admin.sock') : undefined;
}
