import { type Digest, isDigest } from '../oci/digest.ts';
import { ControlError } from '../operations/control-error.ts';
import type { LayerControl, LayerFile, LayerPage, LayerQuery } from '../operations/layer-control.ts';
import type { MayPull } from '../operations/repository-control.ts';
import type { BrowsedStore } from './browsed-store.ts';
import { type LayerContents, readLayer } from './layer-contents.ts';
import { parseCursor, toCursor } from './page-cursor.ts';

const DEFAULT_LIMIT = 1_000;
const MAX_LIMIT = 2_000;
/** Of JSON. */
const MAX_PAGE_BYTES = 900 * 1024;

/** Files of layers in the storage of this process. One layer is read at a time, and the last one stays in memory. */
export class LocalLayers implements LayerControl {
  readonly #store: Pick<BrowsedStore, 'blobs'>;
  #last: { readonly digest: Digest; readonly contents: Promise<LayerContents>; isRead: boolean } | undefined;

  constructor(store: Pick<BrowsedStore, 'blobs'>) {
    this.#store = store;
  }

  async layer({ repository, digest, prefix = '', limit, cursor }: LayerQuery, mayPull?: MayPull): Promise<LayerPage> {
    if (!isDigest(digest)) throw new ControlError('invalid', 'digest must be a digest');
    const [start] = cursor === undefined ? [0] : parseCursor('layer', cursor, ['number']);
    const { files, bytes, truncated } = await this.#contents(repository, digest, mayPull);
    const { page, next } = pageOf(files, {
      prefix,
      start: Number(start),
      limit: Math.min(limit ?? DEFAULT_LIMIT, MAX_LIMIT),
    });
    return { files: page, total: files.length, bytes, truncated, cursor: next };
  }

  async #contents(repository: string, digest: Digest, mayPull: MayPull | undefined): Promise<LayerContents> {
    const source = (await (mayPull?.(repository) ?? true))
      ? await this.#store.blobs.open(repository, digest)
      : undefined;
    if (!source) throw new ControlError('not-found', `${repository} has no stored layer ${digest}`);
    if (this.#last?.digest === digest || this.#last?.isRead === false) {
      await source.close();
      if (this.#last.digest === digest) return this.#last.contents;
      throw new ControlError('held', 'another layer is being read: try again in a minute');
    }
    const reading = { digest, contents: readLayer(source).finally(() => source.close()), isRead: false };
    this.#last = reading;
    try {
      const contents = await reading.contents;
      reading.isRead = true;
      return contents;
    } catch (err) {
      this.#last = undefined;
      throw err;
    }
  }
}

interface PlaceInLayer {
  readonly prefix: string;
  readonly start: number;
  readonly limit: number;
}

function pageOf(files: readonly LayerFile[], { prefix, start, limit }: PlaceInLayer) {
  const page: LayerFile[] = [];
  let bytes = 0;
  for (let i = Math.max(0, start); i < files.length; i++) {
    const file = files[i];
    if (!file?.path.startsWith(prefix)) continue;
    bytes += Buffer.byteLength(JSON.stringify(file)) + 1;
    if (page.length === limit || bytes > MAX_PAGE_BYTES) return { page, next: toCursor('layer', [i]) };
    page.push(file);
  }
  return { page, next: undefined };
}
