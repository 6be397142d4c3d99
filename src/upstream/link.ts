const PARAMETER = String.raw`\s*;\s*([^\s,;="]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?`;
const LINK = new RegExp(`<([^<>]*)>((?:${PARAMETER})*)`, 'g');
const PARAMETERS = new RegExp(PARAMETER, 'g');

/**
 * Where `rel="next"` points, resolved against the page it came with; undefined without one. Behind a proxy a registry
 * often gets its own scheme and port wrong, so only the host says whether the link leads elsewhere.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8288#section-3
 */
export function nextLink(header: string | undefined, page: URL): URL | undefined {
  for (const [, target = '', parameters = ''] of (header ?? '').matchAll(LINK)) {
    if (isNext(parameters) && URL.canParse(target, page.href)) return new URL(target, page);
  }
  return undefined;
}

function isNext(parameters: string): boolean {
  for (const [, name = '', quoted, bare = ''] of parameters.matchAll(PARAMETERS)) {
    if (name.toLowerCase() === 'rel') return (quoted ?? bare).toLowerCase().split(/\s+/).includes('next');
  }
  return false;
}
