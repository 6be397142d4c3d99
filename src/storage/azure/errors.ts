import { parseRetryAfterMs } from '../../retry/retry-delay.ts';
import { type ErrorResponse, headerOf } from '../objects/store-client.ts';
import { statusOf, storageErrors, StoreError } from '../objects/store-error.ts';

const REJECTED: ReadonlySet<string> = new Set([
  'AuthenticationFailed',
  'InvalidAuthenticationInfo',
  'NoAuthenticationInformation',
]);
const MAX_MESSAGE = 300;

export const toStorageError = storageErrors('azure');

/** The error of a response. Its code is a header, as a response to HEAD has no body. */
export function parseAzureError(response: ErrorResponse): StoreError {
  const { status, text } = response;
  const [, inBody] = /<Code>(\w{1,64})<\/Code>/.exec(text) ?? [];
  const [, message = ''] = /<Message>([^<\n]{1,1000})/.exec(text) ?? [];
  const code = headerOf(response, 'x-ms-error-code') ?? inBody ?? `HTTP ${status}`;
  return new StoreError(message.slice(0, MAX_MESSAGE) || 'the response has no reason', {
    status,
    code,
    isThrottled: code === 'ServerBusy' || code === 'OperationTimedOut',
    isOfCredentials: status === 401 || REJECTED.has(code),
    retryAfterMs: parseRetryAfterMs(headerOf(response, 'retry-after')),
  });
}

export function hasCode(err: unknown, code: string): boolean {
  return err instanceof StoreError && err.code === code;
}

/** Whether the blob does not exist; a missing container is an error of another kind. */
export function isNotFound(err: unknown): boolean {
  return statusOf(err) === 404 && !hasCode(err, 'ContainerNotFound') && !hasCode(err, 'ContainerBeingDeleted');
}

/** Whether the blob no longer has the ETag of the request. */
export function isChanged(err: unknown): boolean {
  return statusOf(err) === 412;
}

/** Whether another writer created or replaced the blob, and so discarded the blocks that were sent. */
export function isConflict(err: unknown): boolean {
  return (
    isChanged(err) || ['BlobAlreadyExists', 'InvalidBlockList', 'InvalidBlobOrBlock'].some((code) => hasCode(err, code))
  );
}
