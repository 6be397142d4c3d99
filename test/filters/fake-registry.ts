import type { Registry } from '../../src/registry/registry.ts';

export const READS = ['resolveManifest', 'getManifest', 'resolveBlob', 'openBlob', 'redirectBlob'] as const;
export const LISTS = ['listTags', 'listReferrers'] as const;
export const WRITES = ['putManifest', 'deleteManifest', 'deleteBlob'] as const;
export const UPLOADS = ['start', 'find', 'append', 'finish', 'cancel', 'mount'] as const;

export type Call = (...args: readonly unknown[]) => unknown;

/** A registry that records its calls. Every method resolves with its own name. */
export function fakeRegistry() {
  const calls: (readonly unknown[])[] = [];
  const recorded = (names: readonly string[]) =>
    Object.fromEntries(
      names.map((name) => {
        const result = Promise.resolve(name);
        const call: Call = (...args) => {
          calls.push([name, ...args]);
          return result;
        };
        return [name, call];
      }),
    );
  const registry = {
    ...recorded([...READS, ...LISTS, 'listRepositories', ...WRITES]),
    uploads: { minChunkBytes: 5, ...recorded(UPLOADS) },
  };
  return { registry: registry as unknown as Registry, calls };
}

/** Every method that names a repository, uploads included. */
export function callsOf(registry: Registry): ReadonlyMap<string, Call> {
  const all = registry as unknown as Readonly<Record<string, Call>>;
  const uploads = registry.uploads as unknown as Readonly<Record<string, Call>>;
  const call =
    (methods: Readonly<Record<string, Call>>, name: string): Call =>
    (...args) =>
      methods[name]?.(...args);
  return new Map([
    ...[...READS, ...LISTS, ...WRITES].map((name) => [name, call(all, name)] as const),
    ...UPLOADS.map((name) => [name, call(uploads, name)] as const),
  ]);
}
