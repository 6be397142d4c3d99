import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { ImageError } from '../../src/images/image-error.ts';
import { parseImageName, parseLocation, registryOnly } from '../../src/images/location.ts';
import { digestOf } from '../../src/oci/digest.ts';

const digest = digestOf(Buffer.from('x'));
const registry = (host: string, repository: string, tag?: string, of?: string) => ({
  kind: 'registry',
  host,
  repository,
  tag,
  digest: of,
});
const file = (kind: string, path: string, name?: string, of?: string) => ({ kind, path, name, digest: of });

describe('the location of an image', () => {
  it.each([
    ['alpine', registry('docker.io', 'library/alpine')],
    ['alpine:3.20', registry('docker.io', 'library/alpine', '3.20')],
    ['owner/app:1', registry('docker.io', 'owner/app', '1')],
    ['docker.io/alpine', registry('docker.io', 'library/alpine')],
    ['index.docker.io/library/alpine', registry('docker.io', 'library/alpine')],
    ['localhost/app', registry('localhost', 'app')],
    ['localhost:5000/team/app:1', registry('localhost:5000', 'team/app', '1')],
    ['docker://ghcr.io/owner/app', registry('ghcr.io', 'owner/app')],
    ['[::1]:5000/app:1', registry('[::1]:5000', 'app', '1')],
    [`ghcr.io/owner/app:1@${digest}`, registry('ghcr.io', 'owner/app', '1', digest)],
    ['oci:some/dir', file('oci', 'some/dir')],
    ['oci:some/dir:v1', file('oci', 'some/dir', 'v1')],
    ['oci:dir:docker.io/library/alpine:3', file('oci', 'dir', 'docker.io/library/alpine:3')],
    [`oci:dir@${digest}`, file('oci', 'dir', undefined, digest)],
    ['oci-archive:a.tar', file('oci-archive', 'a.tar')],
    ['docker-archive:a.tar:team/app:1', file('docker-archive', 'a.tar', 'team/app:1')],
  ])('%s', (text, location) => {
    expect(parseLocation(text)).toEqual(location);
  });

  it.each([
    '',
    'oci:',
    'Alpine',
    'ghcr.io/Owner/app',
    'app@sha256:1',
    'a b',
    'host:x/app',
    'ghcr.io/',
    'app:',
    'u:p@h/app',
    '../app',
  ])('%j is none', (text) => {
    expect(() => parseLocation(text)).toThrow(ImageError);
  });

  it.each([
    ['team/app:1', 'registry', registry('registry', 'team/app', '1')],
    ['localhost/app', 'registry', registry('registry', 'localhost/app')],
    ['alpine', 'docker.io', registry('docker.io', 'library/alpine')],
    [`app@${digest}`, 'ghcr.io', registry('ghcr.io', 'app', undefined, digest)],
  ])('%s in the known registry %s', (name, host, location) => {
    expect(parseImageName(name, host)).toEqual(location);
  });

  it('is parsed, or refused with a message, for any text', () => {
    const alphabet = fc.constantFrom(...'aA0./:@-_[]? %\\\n', 'oci:', 'docker://', 'sha256:', digest);
    const text = fc.string({ unit: alphabet, maxLength: 20 });
    fc.assert(
      fc.property(text, (input) => {
        try {
          const location = parseLocation(input);
          if (location.kind === 'registry') expect(location.repository).toMatch(/^[a-z0-9][a-z0-9._/-]*$/);
        } catch (err) {
          expect(err).toBeInstanceOf(ImageError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['localhost:5000', 'localhost:5000'],
    ['ghcr.io', 'ghcr.io'],
    ['docker://ghcr.io/', 'ghcr.io'],
    ['alpine', undefined],
    ['alpine:3.20', undefined],
    ['ghcr.io/app', undefined],
    ['docker://alpine', undefined],
  ])('%s is the registry %s', (text, host) => {
    expect(registryOnly(text)).toBe(host);
  });
});
