/**
 * A client of a remote registry, as the same interface as every other registry.
 *
 * @module
 */
export { connect, type ConnectOptions } from '../client/connect.ts';
export { type BlobToPush, pushBlob } from '../client/push-blob.ts';
export { RemoteRegistry } from '../client/remote-registry.ts';
export type { CredentialsOptions, UpstreamTimeouts, UpstreamTls } from '../upstream/upstream-options.ts';
export { UpstreamError, type UpstreamErrorKind, type UpstreamEvents } from '../upstream/upstream.ts';
