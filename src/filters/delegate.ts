import type { Registry, UploadWriter } from '../registry/registry.ts';

/**
 * A registry with the same behavior whose methods are own functions: a wrapper spreads it and replaces some of them. Calls add no promise
 * and no allocation.
 */
export function delegate(registry: Registry): Registry {
  return {
    resolveManifest: (repository, reference, options) => registry.resolveManifest(repository, reference, options),
    getManifest: (repository, reference, options) => registry.getManifest(repository, reference, options),
    resolveBlob: (repository, digest, options) => registry.resolveBlob(repository, digest, options),
    openBlob: (repository, digest, options) => registry.openBlob(repository, digest, options),
    redirectBlob: (repository, digest, request) => registry.redirectBlob(repository, digest, request),
    listTags: (repository, page, options) => registry.listTags(repository, page, options),
    listReferrers: (repository, digest, query, options) => registry.listReferrers(repository, digest, query, options),
    listRepositories: (page, options) => registry.listRepositories(page, options),
    uploads: registry.uploads,
    putManifest: (repository, manifest, options) => registry.putManifest(repository, manifest, options),
    deleteManifest: (repository, reference, options) => registry.deleteManifest(repository, reference, options),
    deleteBlob: (repository, digest, options) => registry.deleteBlob(repository, digest, options),
  };
}

/** Like {@link delegate}, for uploads. */
export function delegateUploads(writer: UploadWriter): UploadWriter {
  return {
    minChunkBytes: writer.minChunkBytes,
    start: (repository, algorithm, options) => writer.start(repository, algorithm, options),
    find: (repository, upload, options) => writer.find(repository, upload, options),
    append: (repository, upload, body, options) => writer.append(repository, upload, body, options),
    finish: (repository, upload, last, options) => writer.finish(repository, upload, last, options),
    cancel: (repository, upload, options) => writer.cancel(repository, upload, options),
    mount: (repository, digest, source, options) => writer.mount(repository, digest, source, options),
  };
}
