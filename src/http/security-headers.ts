import type { IncomingHttpHeaders } from 'node:http';

type Headers = Readonly<Record<string, string>>;

/** Content is what others pushed, so a browser that is led to it has to neither guess what it is, nor run any of it. */
export const SECURITY_HEADERS: Headers = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; sandbox",
};
const DISPOSITION: Headers = { 'content-disposition': 'attachment' };

/** What a response is shown as, instead of being read by a program. https://www.w3.org/TR/fetch-metadata/#sec-fetch-dest-header */
const SHOWN: ReadonlySet<unknown> = new Set(['document', 'iframe', 'frame', 'fencedframe', 'embed', 'object']);

/** Keeps browsers from showing or running content; made once, as it is part of every response. */
export class SecurityHeaders {
  readonly #always: Headers;
  readonly #whenShown: Headers;

  /** @param configured headers that every response has already, with values that count instead of ours; names in any case */
  constructor(configured: Readonly<Record<string, unknown>>) {
    const names = new Set(Object.keys(configured).map((name) => name.toLowerCase()));
    const others = (headers: Headers) =>
      Object.fromEntries(Object.entries(headers).filter(([name]) => !names.has(name)));
    this.#always = others(SECURITY_HEADERS);
    this.#whenShown = others({ ...SECURITY_HEADERS, ...DISPOSITION });
  }

  /** @param request a browser says there what it is going to do with the response */
  for({ 'sec-fetch-dest': dest, 'sec-fetch-mode': mode }: IncomingHttpHeaders): Headers {
    return mode === 'navigate' || SHOWN.has(dest) ? this.#whenShown : this.#always;
  }
}
