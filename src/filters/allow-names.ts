import type { MountSource, Registry, UploadWriter } from '../registry/registry.ts';
import type { NameRefusal } from './name-filter.ts';

/**
 * The same registry for some of its repositories: calls for another one reject with what `refusalOf` returns, and nothing is mounted from
 * it. The catalog is not filtered.
 * A call for an allowed repository costs the check and nothing else.
 */
export function allowNames(registry: Registry, refusalOf: NameRefusal): Registry {
  return {
    resolveManifest(repository, reference, options) {
      const refusal = refusalOf(repository);
      return refusal ? Promise.reject(refusal) : registry.resolveManifest(repository, reference, options);
    },
    getManifest(repository, reference, options) {
      const refusal = refusalOf(repository);
      return refusal ? Promise.reject(refusal) : registry.getManifest(repository, reference, options);
    },
    resolveBlob(repository, digest, options) {
      const refusal = refusalOf(repository);
      return refusal ? Promise.reject(refusal) : registry.resolveBlob(repository, digest, options);
    },
    openBlob(repository, digest, options) {
      const refusal = refusalOf(repository);
      return refusal ? Promise.reject(refusal) : registry.openBlob(repository, digest, options);
    },
    redirectBlob(repository, digest, request) {
      const refusal = refusalOf(repository);
      return refusal ? Promise.reject(refusal) : registry.redirectBlob(repository, digest, request);
    },
    listTags(repository, page, options) {
      const refusal = refusalOf(repository);
      return refusal ? Promise.reject(refusal) : registry.listTags(repository, page, options);
    },
    listReferrers(repository, digest, query, options) {
      const refusal = refusalOf(repository);
      return refusal ? Promise.reject(refusal) : registry.listReferrers(repository, digest, query, options);
    },
    listRepositories: (page, options) => registry.listRepositories(page, options),
    ...allowWrites(registry, refusalOf),
  };
}

/** A client must not get content of another repository by a mount. */
function allowSources(source: MountSource, refusalOf: NameRefusal): MountSource {
  return { ...source, mayPull: (repository) => !refusalOf(repository) && source.mayPull(repository) };
}

type Write = (repository: string, ...rest: never[]) => Promise<unknown>;

function allowWrites(registry: Registry, refusalOf: NameRefusal) {
  const allow = <W extends Write>(write: W): W =>
    ((repository: string, ...rest: never[]) => {
      const refusal = refusalOf(repository);
      return refusal ? Promise.reject(refusal) : write(repository, ...rest);
    }) as W;
  const { uploads } = registry;
  const allowed: UploadWriter = {
    minChunkBytes: uploads.minChunkBytes,
    start: allow(uploads.start.bind(uploads)),
    find: allow(uploads.find.bind(uploads)),
    append: allow(uploads.append.bind(uploads)),
    finish: allow(uploads.finish.bind(uploads)),
    cancel: allow(uploads.cancel.bind(uploads)),
    mount: allow((repository, digest, source, options) => {
      const { from } = source;
      if (from === undefined) return uploads.mount(repository, digest, allowSources(source, refusalOf), options);
      return refusalOf(from) ? Promise.resolve(undefined) : uploads.mount(repository, digest, source, options);
    }),
  };
  return {
    uploads: allowed,
    putManifest: allow(registry.putManifest.bind(registry)),
    deleteManifest: allow(registry.deleteManifest.bind(registry)),
    deleteBlob: allow(registry.deleteBlob.bind(registry)),
  };
}
