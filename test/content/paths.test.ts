import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import * as paths from '../../src/content/paths.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { RegistryError } from '../../src/oci/errors.ts';
import { isPath } from '../../src/storage/driver.ts';

const digest = digestOf(Buffer.from('x'));
const hex = digest.slice('sha256:'.length);
const long = digestOf(Buffer.from('x'), 'sha512');

describe('content paths', () => {
  it('are those of distribution', () => {
    expect([
      paths.blobDataPath(digest),
      paths.layerLinkPath('library/alpine', digest),
      paths.revisionLinkPath('library/alpine', digest),
      paths.tagLinkPath('library/alpine', 'V1'),
      paths.tagIndexLinkPath('library/alpine', 'V1', digest),
      paths.blobDataPath(long),
    ]).toEqual([
      `/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`,
      `/docker/registry/v2/repositories/library/alpine/_layers/sha256/${hex}/link`,
      `/docker/registry/v2/repositories/library/alpine/_manifests/revisions/sha256/${hex}/link`,
      '/docker/registry/v2/repositories/library/alpine/_manifests/tags/V1/current/link',
      `/docker/registry/v2/repositories/library/alpine/_manifests/tags/V1/index/sha256/${hex}/link`,
      `/docker/registry/v2/blobs/sha512/${long.slice(7, 9)}/${long.slice(7)}/data`,
    ]);
  });

  it('exist for repositories that begin with a host and its port', () => {
    const path = paths.tagLinkPath('registry.corp:5000/Team/x'.toLowerCase(), '_UPPER.lower-1');
    expect(isPath(path)).toBe(true);
  });

  it.each(['', '..', '../x', 'a/..', 'a//b', '/a', 'a/', './a', 'a/_layers', '_manifests', 'a/_manifests/tags'])(
    'do not exist for the repository %j',
    (repository) => {
      expect(() => paths.tagsPath(repository)).toThrow(expect.objectContaining({ code: 'NAME_INVALID' }));
    },
  );

  it('never lead out of their repository, whatever the names', () => {
    const part = fc.oneof(fc.constantFrom('..', '.', '', 'a', '/', '_layers', 'link'), fc.string());
    const name = fc.array(part, { maxLength: 5 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(name, name, fc.string(), (repository, tag, text) => {
        const makers = [
          () => paths.tagLinkPath(repository, 'tag'),
          () => paths.tagLinkPath('repo', tag),
          () => paths.tagIndexLinkPath('repo', tag, digest),
          () => paths.layerLinkPath(repository, digest),
          () => paths.layerLinkPath('repo', text as Digest),
          () => paths.revisionLinkPath('repo', `sha256:${text}` as Digest),
          () => paths.blobDataPath(text as Digest),
        ];
        for (const make of makers) expect(isInsideOrRefused(make)).toBe(true);
      }),
    );
  });
});

function isInsideOrRefused(make: () => string): boolean {
  try {
    const path = make();
    // The driver refuses anything that is not a path.
    return !isPath(path) || /^\/docker\/registry\/v2\/(blobs|repositories\/.+\/_(layers|manifests))\//.test(path);
  } catch (err) {
    return err instanceof RegistryError && err.status === 400;
  }
}
