import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { parseManifest } from '../../src/oci/manifest.ts';
import { OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { checkClass } from '../../src/hosted/manifest-class.ts';
import { needsOf } from '../../src/hosted/manifest-needs.ts';

const ANY = { allow: [], deny: [], platforms: 'all' } as const;
const digest = (name: string) => digestOf(Buffer.from(name));
const part = (name: string, mediaType: string, more: object = {}) => ({
  mediaType,
  digest: digest(name),
  size: 1,
  ...more,
});

const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';
const FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
const NON_DISTRIBUTABLE = 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip';
const URLS = { urls: ['https://store.example/layer'] };

const manifest = (value: object) => parseManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, ...value })));
const image = (...layers: object[]) =>
  manifest({ mediaType: OCI_MANIFEST, config: part('config', 'application/vnd.oci.image.config.v1+json'), layers });
const index = (...manifests: object[]) => manifest({ manifests });

const names = (needs: ReturnType<typeof needsOf>) => needs.map((need) => need.digest);

describe('the content that a manifest needs in its repository', () => {
  it('is its config and its layers, each once, but not its subject', () => {
    const one = part('one', LAYER);
    const withSubject = manifest({
      config: part('config', 'a/b'),
      layers: [one, one],
      subject: part('subject', OCI_MANIFEST),
    });
    expect(needsOf(withSubject, ANY)).toEqual([
      { digest: digest('config'), kinds: ['blob'] },
      { digest: digest('one'), kinds: ['blob'] },
    ]);
  });

  it('is nothing when nothing is validated', () => {
    expect(needsOf(image(part('one', LAYER, { urls: ['ftp://x'] })), undefined)).toEqual([]);
  });

  it.each([FOREIGN, NON_DISTRIBUTABLE])('does not include a layer of %s that is available elsewhere', (mediaType) => {
    expect(names(needsOf(image(part('one', mediaType, URLS)), ANY))).toEqual([digest('config')]);
    expect(names(needsOf(image(part('one', mediaType)), ANY))).toEqual([digest('config'), digest('one')]);
    expect(names(needsOf(image(part('one', LAYER, URLS)), ANY))).toEqual([digest('config'), digest('one')]);
  });

  it('is rejected with URLs that are not allowed', () => {
    const check =
      (url: string, allow: string[] = [], deny: string[] = []) =>
      () =>
        needsOf(image(part('one', FOREIGN, { urls: [url] })), {
          allow: allow.map((text) => new RegExp(text)),
          deny: deny.map((text) => new RegExp(text)),
          platforms: 'all',
        });
    for (const url of ['ftp://x/', 'file:///etc/passwd', 'x', '', 'https://x/#fragment', 'http:', 'javascript:1']) {
      expect(check(url), url).toThrow(expect.objectContaining({ code: 'MANIFEST_INVALID' }));
    }
    expect(check('https://x.example/a')).not.toThrow();
    expect(check('https://x.example/a', ['^https://y'])).toThrow(/not allowed/);
    expect(check('https://x.example/a', ['^https://y', 'x\\.example'])).not.toThrow();
    expect(check('https://x.example/a', ['x\\.example'], ['/a$'])).toThrow(/not allowed/);
    expect(check('https://x.example/a', [], ['/b$'])).not.toThrow();
    expect(check('https://x.example/a', ['^$'])).toThrow(/not allowed/);
  });

  it('is every manifest of an index, those of some platforms, or none', () => {
    const amd64 = part('amd64', OCI_MANIFEST, { platform: { os: 'linux', architecture: 'amd64' } });
    const arm64 = part('arm64', OCI_MANIFEST, { platform: { os: 'linux', architecture: 'arm64' } });
    const all = index(amd64, arm64, part('unknown', OCI_MANIFEST));
    expect(names(needsOf(all, ANY))).toEqual(['amd64', 'arm64', 'unknown'].map(digest));
    expect(needsOf(all, { ...ANY, platforms: 'none' })).toEqual([]);
    const platforms = [
      { os: 'linux', architecture: 'arm64' },
      { os: 'windows', architecture: 'amd64' },
    ];
    expect(names(needsOf(all, { ...ANY, platforms }))).toEqual([digest('arm64')]);
  });

  it('may be a blob where an index lists one', () => {
    expect(needsOf(index(part('layer', LAYER), part('image', OCI_MANIFEST)), ANY)).toEqual([
      { digest: digest('layer'), kinds: ['manifest', 'blob'] },
      { digest: digest('image'), kinds: ['manifest'] },
    ]);
  });
});

describe('the class of a manifest', () => {
  const plugin = manifest({
    mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
    config: part('config', 'application/vnd.docker.plugin.v1+json'),
    layers: [],
  });

  it('is that of its config, and must be allowed', () => {
    expect(() => checkClass(plugin, [])).not.toThrow();
    expect(() => checkClass(plugin, ['plugin'])).not.toThrow();
    expect(() => checkClass(plugin, ['image'])).toThrow(expect.objectContaining({ code: 'DENIED' }));
    expect(() => checkClass(image(), ['image'])).not.toThrow();
    expect(() => checkClass(index(), ['plugin'])).not.toThrow();
    const unknown = manifest({ mediaType: OCI_MANIFEST, config: part('config', 'constructor'), layers: [] });
    expect(() => checkClass(unknown, ['image'])).toThrow(/unknown manifest class/);
  });
});
