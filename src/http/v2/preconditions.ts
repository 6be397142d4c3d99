import type { IncomingMessage } from 'node:http';

import { entityTag, evaluateConditions } from '../../oci/conditional.ts';
import type { Digest } from '../../oci/digest.ts';
import { RegistryError } from '../../oci/errors.ts';

/**
 * Whether the client already has the content, so that the response is 304.
 *
 * @throws {RegistryError} with status 412 when the request is for other content only
 */
export function isNotModified({ headers }: IncomingMessage, digest: Digest): boolean {
  const conditions = { ifMatch: headers['if-match'], ifNoneMatch: headers['if-none-match'] };
  const result = evaluateConditions(conditions, digest);
  if (result !== 'failed') return result === 'not-modified';
  throw new RegistryError('UNSUPPORTED', 'If-Match does not name this content', {
    status: 412,
    headers: { etag: entityTag(digest) },
  });
}
