import { createWriteStream } from 'node:fs';
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ImageError } from '../../src/images/image-error.ts';
import { DirectoryFiles } from '../../src/images/layout-files.ts';
import { LayoutSource } from '../../src/images/layout-source.ts';
import { Planner } from '../../src/images/plan.ts';
import { TarFiles } from '../../src/images/tar-files.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { tarArchive } from '../support/tar.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';
import { filesBelow, runImage } from './image-scene.ts';

let directory: TemporaryDirectory;
beforeAll(async () => {
  directory = await temporaryDirectory();
});
afterAll(() => directory[Symbol.asyncDispose]());

type Entry = { name: string; type?: 'file' | 'symlink' | 'link' | 'fifo'; linkname?: string; text?: string };

let archives = 0;
async function writeTar(entries: readonly Entry[]): Promise<string> {
  const path = join(directory.path, `${archives++}.tar`);
  const archive = pack();
  for (const { name, type = 'file', linkname, text = '' } of entries) {
    archive.entry({ name, type, ...(linkname !== undefined && { linkname }) }, text);
  }
  archive.finalize();
  const out = createWriteStream(path);
  for await (const chunk of archive as AsyncIterable<Uint8Array>) out.write(chunk);
  await new Promise((resolve) => out.end(resolve));
  return path;
}

const OCI_LAYOUT = { name: 'oci-layout', text: '{"imageLayoutVersion":"1.0.0"}' };

describe('an untrusted archive is refused', () => {
  it.each<[string, Entry[], RegExp]>([
    [
      'with a file above it',
      [OCI_LAYOUT, { name: '../../etc/passwd', text: 'x' }],
      /a file outside of itself: "\.\.\/\.\./,
    ],
    [
      'with a file at the root',
      [OCI_LAYOUT, { name: '/etc/passwd', text: 'x' }],
      /a file outside of itself: "\/etc\/passwd"/,
    ],
    ['with a link to above', [OCI_LAYOUT, { name: 'a/b', type: 'symlink', linkname: '../../x' }], /outside of itself/],
    [
      'with a link to the root',
      [OCI_LAYOUT, { name: 'index.json', type: 'symlink', linkname: '/etc/passwd' }],
      /outside/,
    ],
    [
      'with a hard link to above',
      [OCI_LAYOUT, { name: 'index.json', type: 'link', linkname: '../x' }],
      /outside of itself/,
    ],
    ['with a file twice', [OCI_LAYOUT, { name: 'a', text: '1' }, { name: './a', text: '2' }], /a is in it twice/],
    ['with a pipe', [OCI_LAYOUT, { name: 'a', type: 'fifo' }], /a is a fifo/],
    [
      'whose links go in circles',
      [OCI_LAYOUT, { name: 'index.json', type: 'symlink', linkname: 'index.json' }],
      /a link without an end/,
    ],
    ['without an index', [OCI_LAYOUT], /index\.json is missing/],
    [
      'of another version',
      [{ name: 'oci-layout', text: '{"imageLayoutVersion":"2.0"}' }],
      /not an OCI layout of version 1/,
    ],
    [
      'with an index of anything',
      [OCI_LAYOUT, { name: 'index.json', text: '{"manifests":[{"digest":"sha256:1"}]}' }],
      /not a descriptor/,
    ],
  ])('%s', async (_, entries, reason) => {
    const path = await writeTar(entries);
    const before = await filesBelow(directory.path);
    const { code, stderr } = await runImage(directory.path, ['copy', `oci-archive:${path}`, 'oci:made']);
    expect([code, stderr]).toEqual([1, expect.stringMatching(reason)]);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(await filesBelow(directory.path)).toEqual(before);
  });

  it('that is compressed, cut off, or not an archive', async () => {
    const path = join(directory.path, 'bad.tar');
    const whole = tarArchive([{ path: 'oci-layout', content: Buffer.alloc(5000) }]);
    for (const [bytes, reason] of [
      [gzipSync(whole), /compressed \(gunzip it first\)/],
      [whole.subarray(0, 3000), /damaged/],
      [Buffer.alloc(2048, 'x'), /not a tar archive/],
    ] as const) {
      await writeFile(path, bytes);
      await expect(TarFiles.open(path)).rejects.toThrow(reason);
    }
  });

  it('with an index of gigabytes, without reading it', async () => {
    const path = join(directory.path, 'huge-index');
    await mkdir(path);
    await writeFile(join(path, 'oci-layout'), OCI_LAYOUT.text);
    await writeFile(join(path, 'index.json'), '{}');
    await truncate(join(path, 'index.json'), 3 * 1024 ** 3);
    const source = new LayoutSource(new DirectoryFiles(path), { name: undefined, digest: undefined });
    await expect(source.entries()).rejects.toThrow(/refused, index\.json has 3221225472 bytes/);
  });
});

describe('an untrusted layout', () => {
  /** A layout whose root refers to `manifests`, each of which is there. */
  async function layoutOf(
    name: string,
    manifests: readonly object[],
    root: (digests: { digest: string; size: number }[]) => object,
  ) {
    const path = join(directory.path, name);
    const put = async (value: object) => {
      const bytes = Buffer.from(JSON.stringify(value));
      const digest = digestOf(bytes);
      const file = join(path, 'blobs/sha256', digest.slice(7));
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, bytes);
      return { digest, size: bytes.length };
    };
    const children = [];
    for (const manifest of manifests) children.push(await put(manifest));
    const made = await put(root(children));
    await writeFile(join(path, 'oci-layout'), OCI_LAYOUT.text);
    await writeFile(
      join(path, 'index.json'),
      JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: OCI_INDEX, ...made }] }),
    );
    return new LayoutSource(new DirectoryFiles(path), { name: undefined, digest: undefined });
  }

  const empty = { mediaType: 'application/json', digest: digestOf(Buffer.from('{}')), size: 2 };
  const index = (manifests: readonly object[]) => ({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });

  it('with more manifests than any image has is refused', async () => {
    const many = Array.from({ length: 2_100 }, (_, i) => ({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: empty,
      layers: [],
      annotations: { i: String(i) },
    }));
    const source = await layoutOf('many', many, (all) =>
      index(all.map((one) => ({ mediaType: OCI_MANIFEST, ...one }))),
    );
    const planner = new Planner(source);
    await expect(planner.add(await source.root())).rejects.toThrow(/more than 2000 manifests/);
  });

  it('whose indexes go deeper than any image is refused', async () => {
    const source = await layoutOf('deep', [], () => index([]));
    let bytes = Buffer.from(JSON.stringify(index([])));
    const chain = new Map<string, Buffer>();
    for (let depth = 0; depth < 12; depth++) {
      const digest = digestOf(bytes);
      chain.set(digest, bytes);
      bytes = Buffer.from(JSON.stringify(index([{ mediaType: OCI_INDEX, digest, size: bytes.length }])));
    }
    const planner = new Planner({
      name: source.name,
      manifest: async ({ digest }) => chain.get(digest) ?? Buffer.of(),
    });
    const root = { mediaType: OCI_INDEX, digest: digestOf(bytes), size: bytes.length, bytes };
    await expect(planner.add(root)).rejects.toThrow(/indexes more than 8 deep/);
  });

  it('whose bytes do not match their digest is refused, and nothing of it is kept', async () => {
    const layer = Buffer.from('a layer');
    const image = {
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: empty,
      layers: [{ mediaType: 'application/x', digest: digestOf(layer), size: layer.length }],
    };
    await layoutOf('damaged', [image], (all) => index(all.map((one) => ({ mediaType: OCI_MANIFEST, ...one }))));
    await writeFile(join(directory.path, 'damaged/blobs/sha256', empty.digest.slice(7)), '{}');
    await writeFile(join(directory.path, 'damaged/blobs/sha256', digestOf(layer).slice(7)), 'a liar!');
    const { code, stderr } = await runImage(directory.path, ['copy', '-q', 'oci:damaged', 'oci:from-damaged']);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`${digestOf(layer)} is damaged`)]);
    const left = await filesBelow(join(directory.path, 'from-damaged')).catch(() => []);
    expect(left.filter((name) => !name.endsWith(empty.digest.slice(7)))).toEqual([]);
    const archive = await runImage(directory.path, ['copy', '-q', 'oci:damaged', 'oci-archive:from-damaged.tar']);
    expect(archive.code).toBe(1);
    expect((await filesBelow(directory.path)).filter((name) => name.includes('from-damaged.tar'))).toEqual([]);
  });

  it('with a device for a file is refused', async () => {
    const path = join(directory.path, 'device');
    await mkdir(path);
    await symlink('/dev/zero', join(path, 'oci-layout'));
    const { code, stderr } = await runImage(directory.path, ['inspect', 'oci:device']);
    expect([code, stderr]).toEqual([1, expect.stringContaining('oci-layout is not a file')]);
  });
});

describe('an archive of any bytes', () => {
  const header = tarArchive([{ path: 'index.json', content: Buffer.from('{"manifests":[]}') }]);

  it('is read, or refused with a message', async () => {
    const path = join(directory.path, 'fuzzed.tar');
    const damage = fc.array(fc.tuple(fc.nat(header.length - 1), fc.nat(255)), { maxLength: 20 });
    const property = fc.asyncProperty(damage, fc.nat(header.length), async (changes, length) => {
      const bytes = Buffer.from(header);
      for (const [at, byte] of changes) bytes[at] = byte;
      await writeFile(path, bytes.subarray(0, length));
      const files = await TarFiles.open(path).catch((err: unknown) => err);
      if (!(files instanceof TarFiles)) {
        expect(files).toBeInstanceOf(ImageError);
        return;
      }
      const source = new LayoutSource(files, { name: undefined, digest: undefined });
      await expect(source.root()).rejects.toBeInstanceOf(ImageError);
      await files.close();
    });
    await fc.assert(property, { numRuns: 300 });
  });
});
