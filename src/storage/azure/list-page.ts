/** A blob in a list. */
export interface ListedBlob {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly etag: string;
  readonly modifiedAt: Date;
}

export interface ListPage {
  readonly blobs: readonly ListedBlob[];
  readonly prefixes: readonly string[];
  /** Absent on the last page. */
  readonly marker: string | undefined;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Reads the XML of a list of blobs. Directories of a hierarchical namespace are left out, as they are not files. */
export function parseListPage(xml: string): ListPage {
  const blobs: ListedBlob[] = [];
  for (const block of between(xml, '<Blob>', '</Blob>')) {
    if (/<ResourceType>directory</.test(block) || /<hdi_isfolder>true</.test(block)) continue;
    const modifiedAt = new Date(textOf(block, 'Last-Modified') ?? 0);
    const size = Number(textOf(block, 'Content-Length') ?? 0);
    blobs.push({ name: textOf(block, 'Name') ?? '', size, etag: quoted(textOf(block, 'Etag') ?? ''), modifiedAt });
  }
  const prefixes = [...between(xml, '<BlobPrefix>', '</BlobPrefix>')].map((block) => textOf(block, 'Name') ?? '');
  return { blobs, prefixes, marker: textOf(xml, 'NextMarker') || undefined };
}

/** Lists have ETags without quotes, headers with. */
export function quoted(etag: string): string {
  return etag.startsWith('"') || etag === '' ? etag : `"${etag}"`;
}

function* between(text: string, start: string, end: string): Generator<string> {
  for (let from = text.indexOf(start); from !== -1; from = text.indexOf(start, from)) {
    const to = text.indexOf(end, from);
    if (to === -1) return;
    yield text.slice(from + start.length, to);
    from = to;
  }
}

function textOf(xml: string, name: string): string | undefined {
  const [found] = between(xml, `<${name}>`, `</${name}>`);
  return found?.replaceAll(/&(\w+);/g, (whole, entity: string) => ENTITIES[entity] ?? whole);
}
