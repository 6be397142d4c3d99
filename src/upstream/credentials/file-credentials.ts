import { WatchedFile } from '../../files/watched-file.ts';
import { CredentialsError, type CredentialsSource, failedToLoad } from './credentials.ts';

/** A mounted secret: the password, or `username:password` when the configuration names no user. */
export function fileCredentials(username: string | undefined, path: string): CredentialsSource {
  const file = new WatchedFile({ path, parse: (bytes) => parse(bytes.toString('utf8'), username, path) });
  return { kind: 'file', knowsHosts: false, find: () => file.load().catch(failedToLoad) };
}

function parse(text: string, username: string | undefined, path: string) {
  const secret = text.replace(/\r?\n$/, '');
  if (secret === '') throw new CredentialsError(`${path} is empty`);
  if (username !== undefined) return { kind: 'basic', username, password: secret } as const;
  const colon = secret.indexOf(':');
  if (colon <= 0) throw new CredentialsError(`${path} is not of the form username:password`);
  return { kind: 'basic', username: secret.slice(0, colon), password: secret.slice(colon + 1) } as const;
}
