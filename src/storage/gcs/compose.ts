import { randomUUID } from 'node:crypto';

import type { GcsBucket } from './bucket.ts';

/** Cloud Storage's limit for one request. */
const MAX_SOURCES = 32;

interface Source {
  readonly name: string;
  readonly generation: string;
  readonly size: number;
}

/**
 * Concatenates objects to a new one, which replaces the target atomically. The bytes stay in the store.
 *
 * @param options.temporary prefix for the names of objects in between
 */
export async function composeObjects(
  bucket: GcsBucket,
  sources: readonly Source[],
  { to, temporary }: { readonly to: string; readonly temporary: string },
): Promise<void> {
  const [only, ...others] = sources;
  if (!only) {
    await bucket.put(to, Buffer.alloc(0));
  } else if (others.length === 0) {
    await bucket.copy(only, to);
  } else if (sources.length <= MAX_SOURCES) {
    await composeOnce(bucket, sources, to);
  } else {
    const groups = Array.from({ length: Math.ceil(sources.length / MAX_SOURCES) }, (_, i) =>
      sources.slice(i * MAX_SOURCES, (i + 1) * MAX_SOURCES),
    );
    const composed: Source[] = [];
    for (const group of groups) composed.push(await composeOnce(bucket, group, `${temporary}${randomUUID()}`));
    await composeObjects(bucket, composed, { to, temporary });
  }
}

async function composeOnce(bucket: GcsBucket, sources: readonly Source[], to: string): Promise<Source> {
  const object = await bucket.compose(sources, to);
  const expected = sources.reduce((sum, { size }) => sum + size, 0);
  if (object.size !== expected) throw new Error(`${to} has ${object.size} bytes instead of ${expected}`);
  return object;
}
