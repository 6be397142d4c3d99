import { parseHttpUrl } from './units.ts';
import { DOCKER_HUB, upstreamNameOf } from './upstream-name.ts';

const V2 = /(?:\/+v2)+\/*$/;
/** The end of the address under which Docker stores its login for Docker Hub; no content is below it. */
const V1 = /\/+v1\/*$/;

/** The address of a registry without `/v2/`, which clients append. */
export function withoutApiRoot(url: URL): string {
  const path = url.pathname.replace(V2, '');
  return url.origin + (isDockerHub(url) ? path.replace(V1, '') : path).replace(/\/+$/, '');
}

export function hasApiRoot(text: string): boolean {
  const url = parseHttpUrl(text);
  return url !== undefined && (V2.test(url.pathname) || (isDockerHub(url) && V1.test(url.pathname)));
}

function isDockerHub(url: URL): boolean {
  return upstreamNameOf(url.origin) === DOCKER_HUB;
}
