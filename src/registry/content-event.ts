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
}
