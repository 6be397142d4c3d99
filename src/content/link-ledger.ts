import type { Digest } from '../oci/digest.ts';

/** Content that is about to become part of a repository. */
export interface NewLink {
  readonly repository: string;
  readonly digest: Digest;
  readonly kind: 'manifest' | 'blob';
  /** Bytes. */
  readonly size: number;
  /** What a manifest is made of. */
  readonly parts?: readonly Digest[];
}

/** Keeps a record of who has what. */
export interface LinkLedger {
  /**
   * Told before the link is made, so that no link is ever missing from the record, whatever happens in between. Never fails: a
   * record that cannot be kept does not stop a pull.
   *
   * While it waits another process may remove the bytes; afterwards none does, until the function that it resolves to is called, or
   * for a minute.
   */
  willLink(link: NewLink): Promise<() => void>;

  /**
   * Told before a link is removed because a client wants it, and by the function that it resolves to afterwards, all under the lock of the digest.
   * Neither fails. A link that somebody else makes anew in between stays on record.
   */
  willUnlink(link: Pick<NewLink, 'repository' | 'digest' | 'kind'>): Promise<() => Promise<void>>;
}
