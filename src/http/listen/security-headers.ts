import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

const TYPE_OPTIONS = 'x-content-type-options';
const POLICY = 'content-security-policy';
const DISPOSITION = 'content-disposition';

/** Content comes from clients: a browser that follows a link to it must neither guess its type nor run it. */
export const SECURITY_HEADERS: Readonly<Record<typeof TYPE_OPTIONS | typeof POLICY, string>> = {
  [TYPE_OPTIONS]: 'nosniff',
  [POLICY]: "default-src 'none'; sandbox",
};

/** Destinations that show a response. https://www.w3.org/TR/fetch-metadata/#sec-fetch-dest-header */
const SHOWN: ReadonlySet<unknown> = new Set(['document', 'iframe', 'frame', 'fencedframe', 'embed', 'object']);

/** Prevents browsers from showing or running content. */
export class SecurityHeaders {
  readonly #hasType: boolean;
  readonly #hasPolicy: boolean;
  readonly #hasDisposition: boolean;

  /** @param configured headers that every response already has; they are not overwritten. Names in any case. */
  constructor(configured: Readonly<Record<string, unknown>>) {
    const names = new Set(Object.keys(configured).map((name) => name.toLowerCase()));
    this.#hasType = names.has(TYPE_OPTIONS);
    this.#hasPolicy = names.has(POLICY);
    this.#hasDisposition = names.has(DISPOSITION);
  }

  /** @param request headers in which a browser names the use of the response */
  addTo(headers: OutgoingHttpHeaders, request: IncomingHttpHeaders): void {
    // One by one: spreading an object costs as much as all other headers.
    if (!this.#hasType) headers[TYPE_OPTIONS] = SECURITY_HEADERS[TYPE_OPTIONS];
    if (!this.#hasPolicy) headers[POLICY] = SECURITY_HEADERS[POLICY];
    if (!this.#hasDisposition && isShown(request)) headers[DISPOSITION] = 'attachment';
  }
}

function isShown({ 'sec-fetch-dest': dest, 'sec-fetch-mode': mode }: IncomingHttpHeaders): boolean {
  return mode === 'navigate' || SHOWN.has(dest);
}
