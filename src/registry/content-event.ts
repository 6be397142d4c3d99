import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';

/** Something that a client did to content, worth telling others. */
export interface ContentEvent {
  readonly action: 'pull' | 'push' | 'mount' | 'delete';
  /** As the client wrote it. */
  readonly repository: string;
  /** Undefined when a tag alone was deleted. */
  readonly digest?: Digest | undefined;
  /** Only when the client asked by tag. */
  readonly tag?: string | undefined;
  readonly mediaType?: string | undefined;
  /** Bytes. */
  readonly size?: number | undefined;
  /** Of a mount. */
  readonly fromRepository?: string | undefined;
  /** What a manifest is made of. */
  readonly references?: readonly Descriptor[] | undefined;
  /** A manifest, where its bytes are at hand: {@link references} can be read from it. */
  readonly manifest?: Buffer | undefined;
}

/** Who did it, and by which request. */
export interface EventOrigin {
  readonly requestId: string;
  /** Address of the client, with its port where that is known. */
  readonly client: string;
  /** The `Host` header. */
  readonly host: string | undefined;
  readonly method: string;
  readonly userAgent: string | undefined;
  /** Name of who asks; empty: nobody in particular. */
  readonly actor: string;
  /** A path below the registry's root as a URL that the client reaches. */
  readonly locate: (path: string) => string;
}

/** Resolves when the event can not be lost any more, for a pull at once. Never fails. */
export type ContentListener = (event: ContentEvent, origin: EventOrigin) => Promise<void>;
