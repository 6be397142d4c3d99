import { readFileSync } from 'node:fs';
import type { AgentOptions } from 'node:https';
import { rootCertificates } from 'node:tls';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';

import type { S3Options } from './options.ts';

/** Milliseconds. */
const CONNECT_TIMEOUT_MS = 3_000;
/** Without a byte in either direction. Milliseconds. */
const IDLE_TIMEOUT_MS = 10_000;
/** For requests to which a store responds only when it has assembled a large object. Milliseconds. */
const SLOW_IDLE_TIMEOUT_MS = 600_000;
/**
 * Attempts of one request, including the first. The SDK's delays between them grow, and grow more after `SlowDown`. Its
 * adaptive mode is not used: it would delay unrelated requests too.
 */
const MAX_ATTEMPTS = 5;
/** Every client that reads a blob uses a connection; with the SDK's default of 50, the next request would have to wait. */
const MAX_SOCKETS = 4_096;
/** Signatures require a region; stores without regions accept any. */
const ANY_REGION = 'us-east-1';

/** Creates the SDK's client. Reads the CA file; does no other I/O. */
export function createS3Client(options: S3Options): S3Client {
  return new S3Client(clientConfig(options, options.endpoint, IDLE_TIMEOUT_MS));
}

/**
 * Creates a client for copies within the bucket, whose response time grows with the size of the object. It sends no checksums: stores differ in
 * whether an upload with checksums can have copied parts.
 */
export function createPatientS3Client(options: S3Options): S3Client {
  return new S3Client(clientConfig({ ...options, checksums: 'when_required' }, options.endpoint, SLOW_IDLE_TIMEOUT_MS));
}

/** Creates a client that signs URLs for the registry's clients, which may reach the store by another URL. */
export function createSigningClient(options: S3Options): S3Client {
  return new S3Client(clientConfig(options, options.redirectEndpoint ?? options.endpoint, IDLE_TIMEOUT_MS));
}

function clientConfig(options: S3Options, endpoint: string | undefined, socketTimeout: number): S3ClientConfig {
  const { credentials, userAgent } = options;
  const region = options.region ?? (endpoint === undefined ? undefined : ANY_REGION);
  const checksums = options.checksums === 'when_required' ? 'WHEN_REQUIRED' : 'WHEN_SUPPORTED';
  return {
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials && { credentials }),
    ...(userAgent !== undefined && { customUserAgent: userAgent }),
    forcePathStyle: options.forcePathStyle ?? false,
    useAccelerateEndpoint: options.accelerate ?? false,
    ...(options.dualStack && { useDualstackEndpoint: true }),
    ...(options.fips && { useFipsEndpoint: true }),
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
    retryMode: 'standard',
    maxAttempts: MAX_ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout,
      httpAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: MAX_SOCKETS, ...tlsOptions(options) },
    },
  };
}

function tlsOptions({ tls }: S3Options): AgentOptions {
  return {
    ...(tls?.insecure && { rejectUnauthorized: false }),
    ...(tls?.caFile !== undefined && { ca: [...rootCertificates, readFileSync(tls.caFile, 'utf8')] }),
  };
}
