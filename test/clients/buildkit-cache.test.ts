import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { ending, send, startUpload } from '../integration/pushing.ts';
import { expectNothingBroken } from '../integration/stored-data.ts';
import { bytesContent, type Content, seededContent } from '../support/content.ts';
import { Layover } from '../support/layover.ts';
import { MEDIA_TYPES } from '../support/media-types.ts';
import { runLayover } from '../support/run-layover.ts';

const REPOSITORY = 'team/cache';
const CACHE_CONFIG = 'application/vnd.buildkit.cacheconfig.v0';

/**
 * What `--cache-to type=registry` sends without `image-manifest=true`: an index that lists layers, and no manifest at all.
 *
 * @see https://github.com/moby/buildkit/blob/v0.17.0/cache/remotecache/export.go
 */
describe("BuildKit's cache", () => {
  it('is taken, outlives a collection, and is had back', async () => {
    await using layover = await Layover.startProcess();
    const parts: [string, Content][] = [
      [MEDIA_TYPES.oci.gzipLayer, seededContent('first', 100_000)],
      [MEDIA_TYPES.oci.gzipLayer, seededContent('second', 50_000)],
      [CACHE_CONFIG, bytesContent(Buffer.from('{"layers":[],"records":[]}'))],
    ];
    const unused = bytesContent(Buffer.from('named by nothing'));
    for (const part of [...parts.map(([, listed]) => listed), unused]) {
      const upload = await startUpload(layover.url, REPOSITORY);
      const body = Buffer.concat([...part.read()]);
      expect((await send('PUT', ending(upload, part.digest), { body })).status).toBe(201);
    }
    const mediaType = MEDIA_TYPES.oci.index;
    const manifests = parts.map(([type, { digest, size }]) => ({ mediaType: type, digest, size }));
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
    const url = `${layover.url}/v2/${REPOSITORY}`;
    const put = await send('PUT', `${url}/manifests/latest`, { body: index, headers: { 'content-type': mediaType } });
    expect(put.status).toBe(201);
    const collect = ['garbage-collect', '--delete-untagged', '--grace', '0s', layover.configFile];
    expect(await runLayover(collect)).toMatchObject({ code: 0 });
    expect((await send('HEAD', `${url}/blobs/${unused.digest}`)).status).toBe(404);
    const pulled = await fetch(`${url}/manifests/latest`, { headers: { accept: mediaType } });
    expect(Buffer.from(await pulled.arrayBuffer())).toEqual(index);
    for (const [, { digest }] of parts) {
      const blob = await fetch(`${url}/blobs/${digest}`);
      expect(digestOf(Buffer.from(await blob.arrayBuffer()))).toBe(digest);
    }
    await expectNothingBroken(layover);
  });
});
