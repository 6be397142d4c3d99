import { createHash } from 'node:crypto';

/** In base64, as Cloud Storage has it. */
export function md5Of(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('base64');
}
