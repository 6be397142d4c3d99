/**
 * A client of a remote registry, as the same interface as every other registry.
 *
 * @module
 */
export { connect, type ConnectOptions } from '../client/connect.ts';
export { type BlobToPush, pushBlob } from '../client/push-blob.ts';
export type { RemoteRegistry } from '../client/remote-registry.ts';
export type {
  CredentialsOptions,
  CredentialsPlace,
  UpstreamTimeouts,
  UpstreamTls,
} from '../upstream/upstream-options.ts';
export {
  type EndedCall,
  type LoginTrouble,
  type RateLimit,
  UpstreamError,
  type UpstreamErrorKind,
  type UpstreamErrorOptions,
  type UpstreamEvents,
  type UpstreamOperation,
} from '../upstream/upstream.ts';
