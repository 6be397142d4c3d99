import { join } from 'node:path';

import type { Config } from '../config/config.ts';

/** Where the commands on the same machine find a running server; undefined when the storage is no directory. */
export function adminSocketPath({ storage }: Config): string | undefined {
  const { driver } = storage;
  return driver.kind === 'filesystem' ? join(driver.rootDirectory, 'layover', 'admin.sock') : undefined;
}
