import { parseHttpUrl } from './units.ts';
import { DOCKER_HUB, upstreamNameOf } from './upstream-name.ts';

const V2 = /(?:\/+v2)+\/*$/;
/** The name by which Docker keeps its login for Docker Hub; there is nothing to pull below it. */
const V1 = /\/+v1\/*$/;

/** The address of a registry, to which clients add `/v2/`. */
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
