import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { connect } from '../../src/client/connect.ts';
import { pushBlob } from '../../src/client/push-blob.ts';
import type { RemoteRegistry } from '../../src/client/remote-registry.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { RegistryError } from '../../src/oci/errors.ts';
import { OCI_MANIFEST } from '../../src/oci/media-types.ts';
import type { Registry } from '../../src/registry/registry.ts';
import { UpstreamError } from '../../src/upstream/upstream.ts';
import { readRange } from '../../src/testing/read-source.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { startRegistryBackend } from '../support/registry-backend.ts';

const ABSENT = digestOf(Buffer.from('absent'));

interface Running extends AsyncDisposable {
  readonly url: string;
}

const REGISTRIES: [string, () => Promise<Running>][] = [
  ['docker-registry', () => startRegistryBackend(new Images())],
  ['Layover', () => Layover.start({ config: { storage: { delete: { enabled: true } } } })],
];

async function push(registry: Registry, repository: string, bytes: Buffer, mountFrom?: string) {
  const digest = digestOf(bytes);
  const open = async function* (start: number) {
    yield bytes.subarray(start);
  };
  const how = await pushBlob(registry, { repository, digest, size: bytes.length, open, mountFrom });
  return { digest, how };
}

async function pushImage(registry: Registry, repository: string, tag: string) {
  const config = await push(registry, repository, Buffer.from(`{"${repository}":"${tag}"}`));
  const layer = await push(registry, repository, Buffer.from(`a layer of ${tag}`));
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: 'application/x', digest: config.digest, size: `{"${repository}":"${tag}"}`.length },
      layers: [{ mediaType: 'application/y', digest: layer.digest, size: `a layer of ${tag}`.length }],
    }),
  );
  const put = await registry.putManifest(repository, {
    bytes,
    mediaType: OCI_MANIFEST,
    reference: { kind: 'tag', tag },
    tags: [`${tag}-too`],
  });
  return { bytes, put, config: config.digest, layer: layer.digest };
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'success',
    (err: unknown) => (err instanceof RegistryError ? err.code : String(err)),
  );
}

describe.each(REGISTRIES)('a client of %s', (program, startRegistry) => {
  let running: Running;
  let registry: RemoteRegistry;
  beforeAll(async () => {
    running = await startRegistry();
    registry = connect(new URL(running.url).host, { plainHttp: true });
  });
  afterAll(async () => {
    await registry.close();
    await running[Symbol.asyncDispose]();
  });

  it('reads what it has pushed, by tag and digest', async () => {
    const { bytes, put, layer } = await pushImage(registry, 'team/app', '1');
    expect(put).toMatchObject({ mediaType: OCI_MANIFEST, digest: digestOf(bytes), size: bytes.length });
    expect(put.references.map(({ digest }) => digest)).toContain(layer);
    for (const tag of ['1', '1-too']) {
      expect(await registry.getManifest('team/app', { kind: 'tag', tag })).toMatchObject({
        bytes,
        digest: put.digest,
        outcome: 'BYPASS',
        upstream: registry.host,
      });
    }
    const byDigest = await registry.resolveManifest('team/app', { kind: 'digest', digest: put.digest });
    expect(byDigest).toMatchObject({ mediaType: OCI_MANIFEST, digest: put.digest, size: bytes.length });
    expect((await registry.listTags('team/app', {})).entries.toSorted()).toEqual(['1', '1-too']);
    expect((await registry.listRepositories({})).entries).toContain('team/app');
    expect((await registry.listReferrers('team/app', put.digest, {})).manifests).toEqual([]);
  });

  it('pages through repositories', async () => {
    for (const name of ['page/a', 'page/b']) await pushImage(registry, name, '1');
    const first = await registry.listRepositories({ n: 1, last: 'page' });
    expect(first).toEqual({ entries: ['page/a'], next: { n: 1, last: 'page/a' } });
    expect((await registry.listRepositories(first.next ?? {})).entries).toEqual(['page/b']);
  });

  it('reads a blob whole, and any range of it as often as wanted', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
    const { digest } = await push(registry, 'team/blobs', bytes);
    expect(await registry.resolveBlob('team/blobs', digest)).toMatchObject({ digest, size: bytes.length });
    const { source, size } = await registry.openBlob('team/blobs', digest);
    expect([size, source.size]).toEqual([bytes.length, bytes.length]);
    for (const [from, to] of [
      [0, size],
      [0, size],
      [1_000, 1_001],
      [299_000, size],
      [0, 10],
      [5, 5],
    ] as const) {
      expect(await readRange(source, { start: from, end: to })).toEqual(bytes.subarray(from, to));
    }
    await source.close();
    await expect(readRange(source, { start: 0, end: 1 })).rejects.toThrow('has been closed');
  });

  it('mounts a blob of another repository, and sends one that cannot be mounted', async () => {
    const bytes = Buffer.from('shared by two repositories');
    await push(registry, 'team/from', bytes);
    expect((await push(registry, 'team/to', bytes, 'team/from')).how).toBe('mounted');
    const other = Buffer.from('not in the other repository');
    const { digest, how } = await push(registry, 'team/to', other, 'team/from');
    expect([how, (await registry.resolveBlob('team/to', digest)).size]).toEqual(['sent', other.length]);
  });

  it('continues an upload from its session, which is good for one repository only', async () => {
    const bytes = Buffer.from('sent in three parts');
    const part = (start: number, end: number) => ({
      bytes: (async function* () {
        yield bytes.subarray(start, end);
      })(),
      offset: start,
      length: end - start,
    });
    const started = await registry.uploads.start('team/parts', 'sha256');
    const first = await registry.uploads.append('team/parts', started, part(0, 5));
    expect(await registry.uploads.find('team/parts', first)).toMatchObject({ id: started.id, size: 5 });
    expect(await codeOf(registry.uploads.append('team/parts', first, part(4, 9)))).toBe('RANGE_INVALID');
    expect(await codeOf(registry.uploads.find('team/other', first))).toBe('BLOB_UPLOAD_INVALID');
    const forged = { id: first.id, state: Buffer.from(`${running.url}/v2/`).toString('base64url') };
    expect(await codeOf(registry.uploads.find('team/parts', forged))).toBe('BLOB_UPLOAD_INVALID');
    const second = await registry.uploads.append('team/parts', first, part(5, 9));
    const digest = digestOf(bytes);
    const last = { ...part(9, bytes.length), digest };
    expect(await registry.uploads.finish('team/parts', second, last)).toMatchObject({ digest, size: bytes.length });
    expect((await registry.resolveBlob('team/parts', digest)).size).toBe(bytes.length);
  });

  it('cancels an upload', async () => {
    const started = await registry.uploads.start('team/cancelled', 'sha256');
    await registry.uploads.cancel('team/cancelled', started);
    expect(await codeOf(registry.uploads.find('team/cancelled', started))).toBe('BLOB_UPLOAD_UNKNOWN');
  });

  it('refuses to finish an upload as another blob', async () => {
    const open = async function* () {
      yield Buffer.from('these bytes');
    };
    const blob = { repository: 'team/wrong', digest: ABSENT, size: 'these bytes'.length, open };
    expect(await codeOf(pushBlob(registry, blob))).toBe('DIGEST_INVALID');
    expect(await codeOf(registry.resolveBlob('team/wrong', ABSENT))).toMatch(/^(?:BLOB|NAME)_UNKNOWN$/);
  });

  it('deletes a manifest by digest, with its tags, and a blob', async () => {
    const { put, layer } = await pushImage(registry, 'team/gone', '1');
    const { digest } = put;
    expect(await registry.deleteManifest('team/gone', { kind: 'digest', digest })).toEqual([]);
    expect(await codeOf(registry.getManifest('team/gone', { kind: 'digest', digest }))).toBe('MANIFEST_UNKNOWN');
    expect(await codeOf(registry.resolveManifest('team/gone', { kind: 'tag', tag: '1' }))).toBe('MANIFEST_UNKNOWN');
    await registry.deleteBlob('team/gone', layer);
    expect(await codeOf(registry.resolveBlob('team/gone', layer))).toBe('BLOB_UNKNOWN');
    expect(await codeOf(registry.openBlob('team/gone', layer))).toBe('BLOB_UNKNOWN');
    expect(await codeOf(registry.deleteBlob('team/gone', ABSENT))).toBe('BLOB_UNKNOWN');
    expect(await codeOf(registry.deleteManifest('team/gone', { kind: 'digest', digest }))).toBe('MANIFEST_UNKNOWN');
  });

  it('deletes a tag where the registry can', async () => {
    const { put } = await pushImage(registry, 'team/tags', '1');
    const deleted = registry.deleteManifest('team/tags', { kind: 'tag', tag: '1' });
    if (program === 'Layover') expect(await deleted).toEqual(['1']);
    else expect(await codeOf(deleted)).toBe('DIGEST_INVALID');
    const { digest } = await registry.resolveManifest('team/tags', { kind: 'digest', digest: put.digest });
    expect(digest).toBe(put.digest);
  });

  it('has the code of each failure, and the failure of the exchange as its cause', async () => {
    const failure = await registry.getManifest('team/none', { kind: 'tag', tag: '1' }).catch((err: unknown) => err);
    expect(failure).toBeInstanceOf(RegistryError);
    const { code, cause } = failure as RegistryError;
    expect(code).toMatch(/^(?:MANIFEST|NAME)_UNKNOWN$/);
    expect(cause).toBeInstanceOf(UpstreamError);
    expect((cause as UpstreamError).options).toMatchObject({ upstream: registry.host, status: 404 });
    expect(await codeOf(registry.listTags('team/none', {}))).toBe('NAME_UNKNOWN');
    const invalid = { bytes: Buffer.from('{"schemaVersion":2}'), mediaType: OCI_MANIFEST, tags: [] };
    const tagged = { ...invalid, reference: { kind: 'tag', tag: '1' } as const };
    expect(await codeOf(registry.putManifest('team/none', tagged))).toBe('MANIFEST_INVALID');
    const content = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: descriptor(ABSENT), layers: [] };
    const dangling = { ...tagged, bytes: Buffer.from(JSON.stringify(content)) };
    expect(await codeOf(registry.putManifest('team/none', dangling))).toMatch(/^MANIFEST_(?:BLOB_UNKNOWN|INVALID)$/);
  });
});

function descriptor(digest: Digest) {
  return { mediaType: 'application/x', digest, size: 6 };
}
