const LINK = /<([^>]*)>((?:\s*;\s*[^\s,;="]+(?:\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s,;"]*))?)*)/g;
const REL = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s,;"]+))/i;

/**
 * Where `rel="next"` points, resolved against the page it came with; undefined without one. Behind a proxy a registry
 * often gets its own scheme and port wrong, so only the host says whether the link leads elsewhere.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8288#section-3
 */
export function nextLink(header: string | undefined, page: URL): URL | undefined {
  for (const [, target = '', parameters = ''] of (header ?? '').matchAll(LINK)) {
    const rel = REL.exec(parameters);
    const relations = (rel?.[1] ?? rel?.[2] ?? '').toLowerCase().split(/\s+/);
    if (relations.includes('next') && URL.canParse(target, page.href)) return new URL(target, page);
  }
  return undefined;
}
