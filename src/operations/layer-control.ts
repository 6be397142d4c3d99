import type { MayPull } from './repository-control.ts';

/** Files of stored layers: the same interface in the process and over the admin API. */
export interface LayerControl {
  /**
   * @throws {ControlError} `not-found` when the layer is not stored, or the client may not pull it; `invalid` when it is not a tar file that can
   *   be read; `held` while another layer is being read
   */
  layer(query: LayerQuery, mayPull?: MayPull): Promise<LayerPage>;
}

export interface LayerQuery {
  /** Stored name of the repository. */
  readonly repository: string;
  readonly digest: string;
  /** Only entries whose path begins with it. */
  readonly prefix?: string | undefined;
  /** @default 1000, 2000 at most */
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export interface LayerPage {
  /** In the order of the layer. */
  readonly files: readonly LayerFile[];
  /** Entries of the layer. */
  readonly total: number;
  /** Unpacked bytes of all its files. */
  readonly bytes: number;
  /** Why the list ends early: a limit, or damage. Absent when it is complete. */
  readonly truncated?: string | undefined;
  readonly cursor?: string | undefined;
}

/** All texts are those of the layer: not to be trusted. */
export interface LayerFile {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'link' | 'device' | 'fifo' | 'whiteout' | 'other';
  /** Unix mode, such as 493 for 0755. */
  readonly mode: number;
  readonly size: number;
  /** RFC 3339. Absent when it has none. */
  readonly modifiedAt?: string | undefined;
  /** Target of a link. */
  readonly link?: string | undefined;
}
