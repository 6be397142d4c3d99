import type { Descriptor } from '../oci/descriptor.ts';
import type { Digest } from '../oci/digest.ts';

/** One change or pull of content by a client. */
export interface ContentEvent {
  readonly action: 'pull' | 'push' | 'mount' | 'delete';
  /** Name as the client wrote it. */
  readonly repository: string;
  /** Absent when only a tag was deleted. */
  readonly digest?: Digest | undefined;
  /** Present when the client used a tag. */
  readonly tag?: string | undefined;
  readonly mediaType?: string | undefined;
  /** Bytes. */
  readonly size?: number | undefined;
  /** Source of a mount. */
  readonly fromRepository?: string | undefined;
  /** Content that a pushed manifest refers to. */
  readonly references?: readonly Descriptor[] | undefined;
  /** Bytes of a manifest, when they are in memory: {@link references} can be read from them. */
  readonly manifest?: Buffer | undefined;
}

/** The client of an event, and its request. */
export interface EventOrigin {
  readonly requestId: string;
  /** Address of the client, with its port where that is known. */
  readonly client: string;
  /** The `Host` header. */
  readonly host: string | undefined;
  readonly method: string;
  readonly userAgent: string | undefined;
  /** Name of the authenticated client; empty when anonymous. */
  readonly actor: string;
  /** The absolute URL of a path below the registry's root. */
  readonly locate: (path: string) => string;
}

/** Resolves when the event is durable, for a pull at once. Never rejects. */
export type ContentListener = (event: ContentEvent, origin: EventOrigin) => Promise<void>;
