import type { Digest } from '../oci/digest.ts';

/** Content that is about to become part of a repository. */
export interface NewLink {
  readonly repository: string;
  readonly digest: Digest;
  readonly kind: 'manifest' | 'blob';
  /** Bytes. */
  readonly size: number;
  /** What a manifest refers to. */
  readonly parts?: readonly Digest[];
}

/** Records which repository links which content. */
export interface LinkLedger {
  /**
   * Called before the link is made, so that no link is missing from the record, whatever happens in between. Never fails: a pull does not
   * stop because its record cannot be written.
   *
   * Until it resolves another process may remove the bytes. After that none does, until the returned function is called or a minute has
   * passed.
   */
  willLink(link: NewLink): Promise<() => void>;

  /**
   * Called before a link is removed for a client; the returned function is called afterwards. Both under the lock of the digest, and neither
   * fails. A link that another process makes again in between stays on record.
   */
  willUnlink(link: Pick<NewLink, 'repository' | 'digest' | 'kind'>): Promise<() => Promise<void>>;
}
