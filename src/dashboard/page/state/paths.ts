import { withQuery } from './call.ts';

type Parameters = Readonly<Record<string, string | number | boolean | undefined>>;

/** Calls of the admin API about a stored repository. */
export function tagsPath(repository: string, parameters: Parameters): string {
  return withQuery(`/repositories/${repository}/tags`, parameters);
}

export function manifestPath(repository: string, reference: string): string {
  return withQuery('/manifest', { repository, reference });
}

export function referrersPath(repository: string, digest: string): string {
  return withQuery('/referrers', { repository, digest });
}

export function layerPath(repository: string, digest: string, parameters: Parameters): string {
  return withQuery('/layer', { repository, digest, ...parameters });
}
