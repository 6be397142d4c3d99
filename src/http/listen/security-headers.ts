import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

const TYPE_OPTIONS = 'x-content-type-options';
const POLICY = 'content-security-policy';
const DISPOSITION = 'content-disposition';

/** Content is what others pushed, so a browser that is led to it has to neither guess what it is, nor run any of it. */
export const SECURITY_HEADERS: Readonly<Record<typeof TYPE_OPTIONS | typeof POLICY, string>> = {
  [TYPE_OPTIONS]: 'nosniff',
  [POLICY]: "default-src 'none'; sandbox",
};

/** What a response is shown as, instead of being read by a program. https://www.w3.org/TR/fetch-metadata/#sec-fetch-dest-header */
const SHOWN: ReadonlySet<unknown> = new Set(['document', 'iframe', 'frame', 'fencedframe', 'embed', 'object']);

/** Keeps browsers from showing or running content. */
export class SecurityHeaders {
  readonly #hasType: boolean;
  readonly #hasPolicy: boolean;
  readonly #hasDisposition: boolean;

  /** @param configured headers that every response has already, with values that count instead of ours; names in any case */
  constructor(configured: Readonly<Record<string, unknown>>) {
    const names = new Set(Object.keys(configured).map((name) => name.toLowerCase()));
    this.#hasType = names.has(TYPE_OPTIONS);
    this.#hasPolicy = names.has(POLICY);
    this.#hasDisposition = names.has(DISPOSITION);
  }

  /** @param request a browser says there what it is going to do with the response */
  addTo(headers: OutgoingHttpHeaders, request: IncomingHttpHeaders): void {
    // One by one: to spread an object costs as much as the rest of the headers.
    if (!this.#hasType) headers[TYPE_OPTIONS] = SECURITY_HEADERS[TYPE_OPTIONS];
    if (!this.#hasPolicy) headers[POLICY] = SECURITY_HEADERS[POLICY];
    if (!this.#hasDisposition && isShown(request)) headers[DISPOSITION] = 'attachment';
  }
}

function isShown({ 'sec-fetch-dest': dest, 'sec-fetch-mode': mode }: IncomingHttpHeaders): boolean {
  return mode === 'navigate' || SHOWN.has(dest);
}
