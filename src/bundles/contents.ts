import { ImageError } from '../images/image-error.ts';
import { type Digest, isDigest } from '../oci/digest.ts';

/** Which blobs of the locked images are where. */
export interface Contents {
  /** Blobs that the other side has, and that the bundle lacks. Sorted. */
  readonly absent: readonly Digest[];
  /** Empty when the bundle is one directory or tar file. */
  readonly volumes: readonly Volume[];
}

export interface Volume {
  /** Of its file, when it was written. */
  readonly name: string;
  readonly blobs: readonly Digest[];
}

const VERSION = 1;

export function formatContents({ absent, volumes }: Contents): string {
  return `${JSON.stringify({ layoverBundle: VERSION, absent, volumes }, null, 1)}\n`;
}

/** @throws {ImageError} */
export function parseContents(text: string, origin: string): Contents {
  const { layoverBundle, absent, volumes } = parseObject(text, origin);
  if (layoverBundle !== VERSION)
    throw new ImageError(
      `${origin}: a bundle of version ${JSON.stringify(layoverBundle)}; this program reads ${VERSION}`,
    );
  return {
    absent: digests(absent, origin),
    volumes: list(volumes, origin).map((volume) => {
      const { name, blobs } = (volume ?? {}) as Record<string, unknown>;
      if (typeof name !== 'string') throw new ImageError(`${origin}: a volume without a name`);
      return { name, blobs: digests(blobs, origin) };
    }),
  };
}

function parseObject(text: string, origin: string): Record<string, unknown> {
  try {
    return (JSON.parse(text) ?? {}) as Record<string, unknown>;
  } catch (cause) {
    throw new ImageError(`${origin}: not JSON`, { cause });
  }
}

function digests(value: unknown, origin: string): Digest[] {
  return list(value, origin).map((one) => {
    if (typeof one !== 'string' || !isDigest(one)) throw new ImageError(`${origin}: not a digest`);
    return one;
  });
}

function list(value: unknown, origin: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new ImageError(`${origin}: a list is missing`);
  return value;
}
