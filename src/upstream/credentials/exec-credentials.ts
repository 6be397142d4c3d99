import type { CredentialsSource } from './credentials.ts';
import { HelperCache, type HelperCacheOptions } from './credential-helper.ts';

export interface ExecCredentialsOptions extends HelperCacheOptions {
  readonly command: string;
}

/** A credential helper named in the configuration. */
export function execCredentials({ command, ...options }: ExecCredentialsOptions): CredentialsSource {
  const cache = new HelperCache(options);
  const find = (host: string) => cache.find(command, host);
  return { kind: 'exec', knowsHosts: false, find, forget: () => cache.forget() };
}
