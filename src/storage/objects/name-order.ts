export interface NameOrderOptions {
  /** Only names after this one. */
  readonly after: string;
  /** Whether there are keys below a directory. */
  readonly hasDirectory: (name: string) => Promise<boolean>;
}

const MAX_CONCURRENT = 16;

/**
 * Brings the names in a directory from the order of keys into that of names, part by part. The keys of `v1` begin with `v1/`, which a store
 * sorts behind `v1-a/` and `v1.2/`: so for each name it is checked whether there is a directory that the store lists later.
 *
 * @param parts keys below the directory in their order, up to their first `/`
 */
export async function* inNameOrder(
  parts: AsyncIterable<readonly string[]>,
  { after, hasDirectory }: NameOrderOptions,
): AsyncGenerator<string[], void, void> {
  const directories = new Map<string, boolean>();
  const given = new Set<string>();
  for await (const keys of parts) {
    for (const key of keys) if (key.endsWith('/')) directories.set(key.slice(0, -1), true);
    const names = keys.map((key) => (key.endsWith('/') ? key.slice(0, -1) : key));
    const earlier = new Set(names.flatMap(beginningsOf).filter((name) => name > after && !directories.has(name)));
    for (const some of inSlices([...earlier], MAX_CONCURRENT)) {
      const found = await Promise.all(some.map(hasDirectory));
      for (const [i, name] of some.entries()) directories.set(name, found[i] ?? false);
    }
    const ordered = names.flatMap((name) => [...beginningsOf(name).filter((each) => directories.get(each)), name]);
    const fresh = [...new Set(ordered)].filter((name) => name > after && !given.has(name));
    for (const name of fresh) given.add(name);
    yield fresh;
  }
}

/** The names that a store lists after this one, although they come before it: `v1` and `v1-a` for `v1-a.2`. */
function beginningsOf(name: string): string[] {
  return [...name.matchAll(/[+.-]/g)].map(({ index }) => name.slice(0, index)).filter((beginning) => beginning !== '');
}

function* inSlices<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
