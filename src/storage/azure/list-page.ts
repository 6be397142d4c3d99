import { StoreError } from '../objects/store-error.ts';

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
    blobs.push({ name: nameOf(block), size, etag: quoted(textOf(block, 'Etag') ?? ''), modifiedAt });
  }
  const prefixes = [...between(xml, '<BlobPrefix>', '</BlobPrefix>')].map(nameOf);
  return { blobs, prefixes, marker: textOf(xml, 'NextMarker') || undefined };
}

/** Names with characters that XML cannot have are percent-encoded. @throws {StoreError} without a name */
function nameOf(block: string): string {
  const [, encoded, text = ''] = /<Name(?: Encoded="(true|false)")?>([^<]+)<\/Name>/.exec(block) ?? [];
  const name = withoutEntities(text);
  try {
    const decoded = encoded === 'true' ? decodeURIComponent(name) : name;
    if (decoded !== '') return decoded;
  } catch {
    // It is not encoded properly.
  }
  throw new StoreError('the list has a blob without a valid name', { status: undefined, code: 'InvalidResponse' });
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
  return found && withoutEntities(found);
}

function withoutEntities(text: string): string {
  return text.replaceAll(/&(\w+);/g, (whole, entity: string) => ENTITIES[entity] ?? whole);
}
