import type { CredentialsSource } from './credentials.ts';

/** A user name and password from the configuration. */
export function staticCredentials(username: string, password: string): CredentialsSource {
  return { kind: 'static', knowsHosts: false, find: async () => ({ kind: 'basic', username, password }) };
}
