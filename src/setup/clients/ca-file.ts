import { basename, dirname } from 'node:path';

import type { FileChange, SetupRequest } from '../plan.ts';

/** For clients that look for the certificate of a registry by its name. */
export function caChanges(directory: string, { cache, ca }: Pick<SetupRequest, 'cache' | 'ca'>): FileChange[] {
  return ca === undefined ? [] : [{ path: `${directory}/${cache.host}/ca.crt`, merge: () => ca.pem }];
}

/** Whether {@link caChanges} writes it. */
export function isCaFile(path: string, directory: string): boolean {
  return basename(path) === 'ca.crt' && dirname(dirname(path)) === directory;
}
