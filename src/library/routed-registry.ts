import type { Router, Target } from '../pull-through/router.ts';
import type { Registry, UploadWriter } from '../registry/registry.ts';

/** A registry of all names that a router knows. @param catalog lists the repositories of all of them */
export function routeByName(router: Router, catalog: Registry): Registry {
  const target = (repository: string): Target => router.route({ repository, sourceHost: undefined, host: undefined });
  return {
    resolveManifest: async (name, reference, options) => {
      const { registry, repository } = target(name);
      return registry.resolveManifest(repository, reference, options);
    },
    getManifest: async (name, reference, options) => {
      const { registry, repository } = target(name);
      return registry.getManifest(repository, reference, options);
    },
    resolveBlob: async (name, digest, options) => {
      const { registry, repository } = target(name);
      return registry.resolveBlob(repository, digest, options);
    },
    openBlob: async (name, digest, options) => {
      const { registry, repository } = target(name);
      return registry.openBlob(repository, digest, options);
    },
    redirectBlob: async (name, digest, request) => {
      const { registry, repository } = target(name);
      return registry.redirectBlob(repository, digest, request);
    },
    listTags: async (name, page, options) => {
      const { registry, repository } = target(name);
      return registry.listTags(repository, page, options);
    },
    listReferrers: async (name, digest, query, options) => {
      const { registry, repository } = target(name);
      return registry.listReferrers(repository, digest, query, options);
    },
    listRepositories: (page, options) => catalog.listRepositories(page, options),
    uploads: routeUploads(target, catalog.uploads.minChunkBytes),
    putManifest: async (name, manifest, options) => {
      const { registry, repository } = target(name);
      return registry.putManifest(repository, manifest, options);
    },
    deleteManifest: async (name, reference, options) => {
      const { registry, repository } = target(name);
      return registry.deleteManifest(repository, reference, options);
    },
    deleteBlob: async (name, digest, options) => {
      const { registry, repository } = target(name);
      return registry.deleteBlob(repository, digest, options);
    },
  };
}

function routeUploads(target: (repository: string) => Target, minChunkBytes: number): UploadWriter {
  const route = (name: string): { uploads: UploadWriter; repository: string } => {
    const { registry, repository } = target(name);
    return { uploads: registry.uploads, repository };
  };
  return {
    minChunkBytes,
    start: async (name, algorithm, options) => {
      const { uploads, repository } = route(name);
      return uploads.start(repository, algorithm, options);
    },
    find: async (name, upload, options) => {
      const { uploads, repository } = route(name);
      return uploads.find(repository, upload, options);
    },
    append: async (name, upload, body, options) => {
      const { uploads, repository } = route(name);
      return uploads.append(repository, upload, body, options);
    },
    finish: async (name, upload, last, options) => {
      const { uploads, repository } = route(name);
      return uploads.finish(repository, upload, last, options);
    },
    cancel: async (name, upload, options) => {
      const { uploads, repository } = route(name);
      return uploads.cancel(repository, upload, options);
    },
    mount: async (name, digest, source, options) => {
      const { uploads, repository } = route(name);
      return uploads.mount(repository, digest, source, options);
    },
  };
}
