import { readFileSync } from 'node:fs';
import type { AgentOptions } from 'node:https';
import { rootCertificates } from 'node:tls';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';

import type { S3Config } from '../../config/config.ts';

/** Milliseconds. */
const CONNECT_TIMEOUT_MS = 3_000;
/** Without a byte in either direction. Milliseconds. */
const IDLE_TIMEOUT_MS = 10_000;
/** The same for requests that a store may answer only when it has put a large object together. Milliseconds. */
const SLOW_IDLE_TIMEOUT_MS = 600_000;
/**
 * Of one request, the first included. Between them the SDK waits longer each time, and longer still when it was told to slow
 * down; its adaptive mode would make every other request wait too, which may be for something else.
 */
const MAX_ATTEMPTS = 5;
/** Every client that reads a blob has a connection; the SDK's default of 50 would make the next request wait for one of them. */
const MAX_SOCKETS = 4_096;
/** A signature needs one, and stores that have no regions take any. */
const ANY_REGION = 'us-east-1';

/** The SDK's client of a configuration. Reads the CA file; no other I/O. */
export function createS3Client(config: S3Config): S3Client {
  return new S3Client(clientConfig(config, config.endpoint, IDLE_TIMEOUT_MS));
}

/** For requests whose answer takes as long as the object is large. */
export function createPatientS3Client(config: S3Config): S3Client {
  return new S3Client(clientConfig(config, config.endpoint, SLOW_IDLE_TIMEOUT_MS));
}

/** The client that signs URLs for clients of ours, who may know the store by another name. */
export function createSigningClient(config: S3Config): S3Client {
  return new S3Client(clientConfig(config, config.redirectEndpoint ?? config.endpoint, IDLE_TIMEOUT_MS));
}

function clientConfig(config: S3Config, endpoint: string | undefined, socketTimeout: number): S3ClientConfig {
  const { credentials, userAgent } = config;
  const region = config.region ?? (endpoint === undefined ? undefined : ANY_REGION);
  const checksums = config.checksums === 'when_required' ? 'WHEN_REQUIRED' : 'WHEN_SUPPORTED';
  return {
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(credentials && { credentials }),
    ...(userAgent !== undefined && { customUserAgent: userAgent }),
    forcePathStyle: config.forcePathStyle,
    useAccelerateEndpoint: config.accelerate,
    ...(config.dualStack && { useDualstackEndpoint: true }),
    ...(config.fips && { useFipsEndpoint: true }),
    requestChecksumCalculation: checksums,
    responseChecksumValidation: checksums,
    retryMode: 'standard',
    maxAttempts: MAX_ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT_MS,
      socketTimeout,
      httpAgent: { keepAlive: true, maxSockets: MAX_SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: MAX_SOCKETS, ...tlsOptions(config) },
    },
  };
}

function tlsOptions({ tls: { caFile, insecure } }: S3Config): AgentOptions {
  return {
    ...(insecure && { rejectUnauthorized: false }),
    ...(caFile !== undefined && { ca: [...rootCertificates, readFileSync(caFile, 'utf8')] }),
  };
}
