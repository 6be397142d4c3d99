import pLimit from 'p-limit';

import { explainFailure, withoutHost } from '../images/failure.ts';
import { parseRegistryLocation, type RegistryLocation } from '../images/location.ts';
import type { FoundImage, ListProblem } from './found-images.ts';
import type { LockedImage } from './lock-file.ts';

/** An image of one or several lists. */
export interface NamedImage {
  /** With host, repository and tag, or digest: the same for `alpine` and `docker.io/library/alpine:latest`. */
  readonly name: string;
  readonly location: RegistryLocation;
  /** Where it was found first. */
  readonly origin: string;
  /** Of a lock: its platforms; empty: all. Absent in other lists. */
  readonly platforms?: readonly string[] | undefined;
}

/** Each image once, sorted by name; names that are not images are problems. */
export function nameImages(found: readonly FoundImage[]): { images: NamedImage[]; problems: ListProblem[] } {
  const images = new Map<string, NamedImage>();
  const problems: ListProblem[] = [];
  for (const { name: written, origin, platforms } of found) {
    try {
      const location = parseRegistryLocation(written);
      const name = fullName(location);
      if (!images.has(name)) images.set(name, { name, location, origin, platforms });
    } catch (err) {
      problems.push({ origin, message: messageOf(err) });
    }
  }
  return { images: [...images.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1)), problems };
}

function fullName({ host, repository, tag, digest }: RegistryLocation): string {
  const named = tag ?? (digest === undefined ? 'latest' : undefined);
  return `${host}/${repository}${named === undefined ? '' : `:${named}`}${digest === undefined ? '' : `@${digest}`}`;
}

interface ResolveOptions {
  readonly onDone: (done: number) => void;
  readonly signal: AbortSignal;
}

/** Images whose manifests are requested concurrently. */
const AT_ONCE = 4;

/** Resolves each image. One that fails is a problem, and the others are resolved. */
export async function resolveEach<T>(
  images: readonly NamedImage[],
  { onDone, signal }: ResolveOptions,
  resolve: (image: NamedImage) => Promise<T>,
): Promise<{ resolved: Map<string, T>; problems: ListProblem[] }> {
  const resolved = new Map<string, T>();
  const problems: ListProblem[] = [];
  let done = 0;
  await pLimit(AT_ONCE).map(images, async (image) => {
    try {
      signal.throwIfAborted();
      resolved.set(image.name, await resolve(image));
    } catch (err) {
      signal.throwIfAborted();
      problems.push({ origin: `${image.name} (${image.origin})`, message: withoutHost(messageOf(err), image.name) });
    }
    onDone(++done);
  });
  return { resolved, problems: problems.toSorted((a, b) => (a.origin < b.origin ? -1 : 1)) };
}

/** The text for an operator. @throws internal errors */
function messageOf(err: unknown): string {
  const message = explainFailure(err);
  if (message === undefined) throw err;
  return message;
}

/** How the images of lists differ from a lock. Digests are those of the images now. */
export function differences(
  locked: readonly LockedImage[],
  images: readonly NamedImage[],
  digests: ReadonlyMap<string, string>,
): ListProblem[] {
  const known = new Map(locked.map((image) => [image.name, image]));
  const listed = new Set(images.map(({ name }) => name));
  return [
    ...images.flatMap(({ name, origin }) => {
      const image = known.get(name);
      if (!image) return [{ origin: name, message: `is not in the lock (${origin})` }];
      const now = digests.get(name);
      if (now === undefined || now === image.digest) return [];
      return [{ origin: name, message: `is ${now} and not the locked ${image.digest}` }];
    }),
    ...locked
      .filter(({ name }) => !listed.has(name))
      .map(({ name }) => ({ origin: name, message: 'is in the lock and in no list' })),
  ];
}
