import type { AuthConfig, Config, StorageDriverConfig } from '../config/config.ts';

/** Where content is stored: a directory as configured, or a bucket. @returns undefined when it is in memory */
export function describeStorage(driver: StorageDriverConfig): string | undefined {
  switch (driver.kind) {
    case 'filesystem':
      return driver.rootDirectory;
    case 's3': {
      const bucket = `s3://${driver.bucket}/${driver.rootDirectory.replace(/^\/+/, '')}`;
      return driver.endpoint === undefined ? bucket : `${bucket} at ${driver.endpoint}`;
    }
    case 'gcs': {
      const bucket = `gs://${driver.bucket}/${driver.rootDirectory.replace(/^\/+/, '')}`;
      return driver.endpoint === undefined ? bucket : `${bucket} at ${driver.endpoint}`;
    }
    case 'azure':
      return `azure://${driver.container}/${driver.rootDirectory.replace(/^\/+/, '')} at ${driver.serviceUrl}`;
    case 'rados':
      return `rados://${driver.pool}/${driver.namespace ?? ''}`;
    case 'inmemory':
      return undefined;
  }
}

/** Which repositories accept pushes; an upstream with `push: passthrough` does so on read-only storage as well. */
export function describePushes({ storage, proxy }: Pick<Config, 'storage' | 'proxy'>): string {
  const hosted = storage.readOnly ? [] : (proxy?.hosted ?? []);
  const relayed = proxy?.upstreams.filter(({ passthrough }) => passthrough) ?? [];
  const accepted = [...hosted, ...relayed.map(({ name }) => `${name} (passthrough)`)];
  if (accepted.length > 0) return `to ${accepted.join(', ')}`;
  if (storage.readOnly) return 'off (storage.maintenance.readonly is enabled)';
  return proxy ? 'off (list repositories in proxy.hosted to accept them)' : 'to any repository';
}

const METHODS = ['htpasswd', 'token', 'issuer', 'mtls', 'silly'] as const satisfies readonly (keyof AuthConfig)[];

/** Whether clients have to log in, and by which methods. */
export function describeAuthentication({ auth }: Pick<Config, 'auth'>): string {
  if (!auth) return 'off (anyone who can connect has access)';
  return `on (${METHODS.filter((method) => auth[method] !== undefined).join(', ')})`;
}
