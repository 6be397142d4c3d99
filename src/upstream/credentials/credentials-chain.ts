import type { CredentialsOptions } from '../upstream-options.ts';
import { type Credentials, CredentialsError, type CredentialsSource } from './credentials.ts';
import { dockerConfigCredentials } from './docker-config-credentials.ts';
import { execCredentials } from './exec-credentials.ts';
import { fileCredentials } from './file-credentials.ts';
import { staticCredentials } from './static-credentials.ts';

export interface CredentialsSourceOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Unix milliseconds. */
  readonly now: () => number;
}

export function createCredentialsSource(
  config: CredentialsOptions,
  options: CredentialsSourceOptions,
): CredentialsSource {
  return { ...createSource(config, options), realms: config.realms ?? [] };
}

function createSource(config: CredentialsOptions, options: CredentialsSourceOptions): CredentialsSource {
  switch (config.kind) {
    case 'anonymous':
      return { kind: 'anonymous', knowsHosts: true, find: async () => undefined };
    case 'static':
      return staticCredentials(config.username, config.password);
    case 'file':
      return fileCredentials(config.username, config.path);
    case 'dockerconfig':
      return dockerConfigCredentials(config.path, options);
    case 'exec':
      return execCredentials({ ...options, command: config.command, lifetimeMs: config.lifetimeMs });
  }
}

/** The first that has something for the host. A source that fails is reported and skipped; after the last: anonymous. */
export async function findCredentials(
  sources: readonly CredentialsSource[],
  host: string,
  onFailure: (source: string, reason: string) => void,
): Promise<Credentials | undefined> {
  for (const source of sources) {
    try {
      const found = await source.find(host);
      if (found || source.kind === 'anonymous') return found;
    } catch (err) {
      onFailure(source.kind, err instanceof CredentialsError ? err.message : 'internal failure');
    }
  }
  return undefined;
}
