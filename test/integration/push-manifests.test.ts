import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { DOCKER_MANIFEST, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { filesBelow } from '../support/data-directory.ts';
import { Layover } from '../support/layover.ts';
import {
  attachedTo,
  CONFIG,
  described,
  errorsOf,
  imageOf,
  indexOf,
  LAYER,
  piece,
  Repository,
} from './manifest-pushing.ts';
import { send, startSending, answerOf } from './pushing.ts';

const DELETES = { storage: { delete: { enabled: true } } };
const MIB = 1024 * 1024;

describe.each(['filesystem', 'inmemory'])('pushing manifests to the %s storage', (driver) => {
  let layover: Layover;
  let count = 0;
  beforeAll(async () => {
    const storage = driver === 'inmemory' ? { filesystem: undefined, inmemory: {} } : {};
    layover = await Layover.start({ config: { storage: { ...storage, ...DELETES.storage } } });
  });
  afterAll(() => layover[Symbol.asyncDispose]());

  /** A repository with the two blobs that images are made of. */
  const newRepository = async () => {
    const repository = new Repository(layover.url, `team/nested/app${++count}`);
    await repository.addBlobs(CONFIG, LAYER);
    return { repository, name: `team/nested/app${count}` };
  };

  it('takes one by tag, byte for byte, and says where it is', async () => {
    const { repository, name } = await newRepository();
    const image = imageOf('one');
    const answer = await repository.put(image, 'v1');
    expect([answer.status, answer.body]).toEqual([201, '']);
    expect(answer.headers).toMatchObject({ 'content-length': '0', 'docker-content-digest': image.digest });
    expect(answer.headers['oci-subject']).toBeUndefined();
    const location = new URL(answer.headers.location ?? '', layover.url);
    expect(location.pathname).toBe(`/v2/${name}/manifests/${image.digest}`);
    for (const url of [location.href, `${layover.url}/v2/${name}/manifests/v1`]) {
      const got = await send('GET', url);
      expect([got.status, got.body]).toEqual([200, image.bytes.toString()]);
      expect(got.headers).toMatchObject({ 'content-type': OCI_MANIFEST, 'docker-content-digest': image.digest });
    }
    expect(await repository.tags()).toEqual(['v1']);
  });

  it('takes one by digest, also of sha512, and any number of tags with it', async () => {
    const { repository } = await newRepository();
    const image = imageOf('one');
    const digest = digestOf(image.bytes, 'sha512');
    const answer = await repository.put(image, `${digest}?tag=1.2.3&tag=1.2&tag=latest`);
    expect([answer.status, answer.headers['docker-content-digest']]).toEqual([201, digest]);
    expect(answer.headers['oci-tag']).toBe('1.2.3, 1.2, latest');
    expect(await repository.tags()).toEqual(['1.2', '1.2.3', 'latest']);
    for (const reference of [digest, '1.2', 'latest']) {
      const got = await repository.get(`manifests/${reference}`);
      expect([got.body, got.headers['docker-content-digest']]).toEqual([image.bytes.toString(), digest]);
    }
    expect(await repository.status(`manifests/${image.digest}`)).toBe(404);
    expect((await repository.put(image, image.digest)).status).toBe(201);
    expect(await repository.status(`manifests/${image.digest}`)).toBe(200);
  });

  it('refuses what is wrong with a reason, and keeps nothing of it', async () => {
    const { repository } = await newRepository();
    const image = imageOf('one');
    const other = imageOf('other');
    expect(errorsOf(await repository.put(image, other.digest))).toEqual([400, 'DIGEST_INVALID']);
    expect(errorsOf(await repository.put(image, 'sha256:bad'))).toEqual([400, 'DIGEST_INVALID']);
    expect(errorsOf(await repository.put(image, '-'))).toEqual([400, 'TAG_INVALID']);
    expect(errorsOf(await repository.put(image, `${image.digest}?tag=-`))).toEqual([400, 'TAG_INVALID']);
    const many = Array.from({ length: 101 }, (_, i) => `tag=v${i}`).join('&');
    expect(errorsOf(await repository.put(image, `${image.digest}?${many}`))).toEqual([414, 'TAG_INVALID']);
    expect(errorsOf(await repository.put({ ...image, mediaType: DOCKER_MANIFEST }, 'v1'))).toEqual([
      400,
      'MANIFEST_INVALID',
    ]);
    expect(errorsOf(await repository.put({ bytes: Buffer.from('{') }, 'v1'))).toEqual([400, 'MANIFEST_INVALID']);
    expect(await repository.status(`manifests/${image.digest}`)).toBe(404);
    expect(await repository.status('manifests/v1')).toBe(404);
  });

  it('refuses one that names what the repository does not have, and says all that is missing', async () => {
    const { repository } = await newRepository();
    const [first, second] = [piece('never pushed'), piece('neither')];
    const layers = [first, LAYER, second].map((layer) => described(layer, 'application/vnd.oci.image.layer.v1.tar'));
    expect(errorsOf(await repository.put(imageOf('one', { layers }), 'v1'))).toEqual([
      400,
      ['MANIFEST_BLOB_UNKNOWN', first.digest],
      ['MANIFEST_BLOB_UNKNOWN', second.digest],
    ]);
    const image = imageOf('two');
    const index = indexOf(image);
    expect(errorsOf(await repository.put(index, 'v1'))).toEqual([400, ['MANIFEST_BLOB_UNKNOWN', image.digest]]);
    expect((await repository.put(image, image.digest)).status).toBe(201);
    expect((await repository.put(index, 'v1')).status).toBe(201);
    const elsewhere = new Repository(layover.url, 'team/elsewhere');
    expect(errorsOf(await elsewhere.put(image, 'v1'))).toEqual([
      400,
      ['MANIFEST_BLOB_UNKNOWN', CONFIG.digest],
      ['MANIFEST_BLOB_UNKNOWN', LAYER.digest],
    ]);
  });

  it('refuses one of more than 4 MiB, however it is sent, and goes on with the connection', async () => {
    const { repository, name } = await newRepository();
    const large = imageOf('large', { annotations: { long: 'x'.repeat(4 * MIB) } });
    expect(errorsOf(await repository.put(large, 'v1'))).toEqual([413, 'MANIFEST_INVALID']);
    const sending = startSending('PUT', `${layover.url}/v2/${name}/manifests/v1`);
    sending.end(large.bytes);
    expect(errorsOf(await answerOf(sending))).toEqual([413, 'MANIFEST_INVALID']);
    const fits = imageOf('fits', { annotations: { long: 'x'.repeat(4 * MIB - 1000) } });
    expect((await repository.put(fits, 'v1')).status).toBe(201);
  });

  it('tells the referrers of a manifest, filtered and in pages, and the subject when one is pushed', async () => {
    const { repository } = await newRepository();
    const subject = imageOf('subject');
    const signatures = Array.from({ length: 5 }, (_, i) =>
      attachedTo(subject, 'a/signature', { annotations: { i: `${i}` } }),
    );
    const sbom = attachedTo(subject, 'a/sbom');
    for (const artifact of [...signatures, sbom]) {
      expect((await repository.put(artifact, artifact.digest)).headers['oci-subject']).toBe(subject.digest);
    }
    const all = [...signatures, sbom].map(({ digest }) => digest).sort();
    expect(await repository.referrers(subject.digest)).toEqual(all);
    const filtered = await repository.get(`referrers/${subject.digest}?artifactType=a%2Fsbom`);
    expect(filtered.headers['oci-filters-applied']).toBe('artifactType');
    expect(JSON.parse(filtered.body)).toMatchObject({ manifests: [{ digest: sbom.digest, artifactType: 'a/sbom' }] });
    const paged: string[] = [];
    for (let query = '?n=2'; query !== ''; ) {
      const page = await repository.get(`referrers/${subject.digest}${query}`);
      paged.push(
        ...(JSON.parse(page.body) as { manifests: { digest: string }[] }).manifests.map(({ digest }) => digest),
      );
      query = /\?[^>]*(?=>; rel="next")/.exec(String(page.headers.link ?? ''))?.[0] ?? '';
    }
    expect(paged).toEqual(all);
    expect((await repository.delete(`manifests/${sbom.digest}`)).status).toBe(202);
    expect(await repository.referrers(subject.digest)).toEqual(all.filter((digest) => digest !== sbom.digest));
    expect(await repository.referrers(sbom.digest)).toEqual([]);
  });

  it('deletes a tag alone, and a manifest with all its tags', async () => {
    const { repository } = await newRepository();
    const [image, other] = [imageOf('one'), imageOf('other')];
    for (const tag of ['a', 'b', 'c']) await repository.put(image, tag);
    await repository.put(other, 'd');
    const deleted = await repository.delete('manifests/a');
    expect([deleted.status, deleted.body]).toEqual([202, '']);
    expect(await repository.status('manifests/a')).toBe(404);
    expect(await repository.status(`manifests/${image.digest}`)).toBe(200);
    expect((await repository.delete(`manifests/${image.digest}`)).status).toBe(202);
    for (const reference of ['b', 'c', image.digest])
      expect(await repository.status(`manifests/${reference}`)).toBe(404);
    expect(await repository.tags()).toEqual(['d']);
    expect(await repository.status('manifests/d')).toBe(200);
    for (const reference of ['a', image.digest]) {
      expect(errorsOf(await repository.delete(`manifests/${reference}`))).toEqual([404, 'MANIFEST_UNKNOWN']);
    }
    expect((await repository.put(image, 'b')).status).toBe(201);
    expect(await repository.status('manifests/b')).toBe(200);
  });

  it('deletes a blob, of which nobody hears afterwards, but of other repositories', async () => {
    const { repository } = await newRepository();
    const { repository: second } = await newRepository();
    expect(await repository.status(`blobs/${LAYER.digest}`)).toBe(200);
    expect((await repository.delete(`blobs/${LAYER.digest}`)).status).toBe(202);
    expect(await repository.status(`blobs/${LAYER.digest}`)).toBe(404);
    expect(await second.status(`blobs/${LAYER.digest}`)).toBe(200);
    expect(errorsOf(await repository.delete(`blobs/${LAYER.digest}`))).toEqual([404, ['BLOB_UNKNOWN', LAYER.digest]]);
    expect(errorsOf(await repository.put(imageOf('one'), 'v1'))).toEqual([
      400,
      ['MANIFEST_BLOB_UNKNOWN', LAYER.digest],
    ]);
    await repository.addBlobs(LAYER);
    expect((await repository.put(imageOf('one'), 'v1')).status).toBe(201);
  });

  it('ends with one of the manifests that many push by one tag at once, and all of them by digest', async () => {
    const { repository } = await newRepository();
    const images = Array.from({ length: 20 }, (_, i) => imageOf(String(i)));
    const answers = await Promise.all(images.map((image) => repository.put(image, 'v1')));
    expect(answers.map(({ status }) => status)).toEqual(images.map(() => 201));
    const { headers, body } = await repository.get('manifests/v1');
    expect(images.find(({ digest }) => digest === headers['docker-content-digest'])?.bytes.toString()).toBe(body);
    for (const { digest } of images) expect(await repository.status(`manifests/${digest}`)).toBe(200);
  });

  it('never leaves a tag without its manifest, whatever is pushed and deleted at once', async () => {
    const { repository } = await newRepository();
    const images = [imageOf('a'), imageOf('b')] as const;
    for (let round = 0; round < 10; round++) {
      const [first, second] = images;
      await repository.put(first, 'v1');
      await Promise.all([
        repository.put(second, 'v1'),
        repository.delete(`manifests/${first.digest}`),
        repository.put(first, 'v2'),
        repository.delete(`manifests/${second.digest}`),
      ]);
      for (const tag of await repository.tags()) expect(await repository.status(`manifests/${tag}`), tag).toBe(200);
    }
  });
});

describe('a registry that does not take everything', () => {
  it('deletes nothing unless it is told that it may', async () => {
    await using layover = await Layover.start();
    const repository = new Repository(layover.url, 'app');
    await repository.addBlobs(CONFIG, LAYER);
    const image = imageOf('one');
    await repository.put(image, 'v1');
    const unknown = piece('unknown').digest;
    for (const path of ['manifests/v1', `manifests/${image.digest}`, `manifests/${unknown}`, `blobs/${LAYER.digest}`]) {
      const answer = await repository.delete(path);
      expect(errorsOf(answer), path).toEqual([405, 'UNSUPPORTED']);
      expect(answer.headers.allow).not.toContain('DELETE');
    }
    for (const path of ['manifests/v1', `blobs/${LAYER.digest}`]) expect(await repository.status(path)).toBe(200);
  });

  it('takes nothing while it is read-only, and serves what it has', async () => {
    await using layover = await Layover.start({ config: DELETES });
    const repository = new Repository(layover.url, 'app');
    await repository.addBlobs(CONFIG, LAYER);
    const image = imageOf('one');
    const artifact = attachedTo(image, 'a/signature');
    await repository.put(image, 'v1');
    await repository.put(artifact, artifact.digest);
    const maintenance = { readonly: { enabled: true } };
    await layover.restart({ storage: { ...DELETES.storage, maintenance } });
    const before = await filesBelow(`${layover.dataDirectory}/docker`);
    expect(errorsOf(await repository.put(image, 'v2'))).toEqual([405, 'UNSUPPORTED']);
    for (const path of ['manifests/v1', `manifests/${image.digest}`, `blobs/${LAYER.digest}`]) {
      expect(errorsOf(await repository.delete(path))).toEqual([405, 'UNSUPPORTED']);
      expect(await repository.status(path)).toBe(200);
    }
    expect(await repository.referrers(image.digest)).toEqual([artifact.digest]);
    expect(await filesBelow(`${layover.dataDirectory}/docker`)).toEqual(before);
  });

  it('takes what names content that it does not have, when it is told not to look', async () => {
    await using layover = await Layover.start({ config: { validation: { disabled: true } } });
    const repository = new Repository(layover.url, 'app');
    const image = imageOf('one');
    expect((await repository.put(indexOf(image), 'multi')).status).toBe(201);
    expect((await repository.put(image, 'v1')).status).toBe(201);
    expect(await repository.status('manifests/multi')).toBe(200);
  });

  it('takes large manifests when it may, and serves them afterwards under any limit', async () => {
    await using layover = await Layover.start({ config: { http: { limits: { maxmanifestsize: 0 } } } });
    const repository = new Repository(layover.url, 'app');
    await repository.addBlobs(CONFIG, LAYER);
    const large = imageOf('large', { annotations: { long: 'x'.repeat(9 * MIB) } });
    expect((await repository.put(large, 'v1')).status).toBe(201);
    await layover.restart({});
    expect((await repository.get('manifests/v1')).body).toBe(large.bytes.toString());
    expect(errorsOf(await repository.put(large, 'v1'))).toEqual([413, 'MANIFEST_INVALID']);
  });

  it('takes images of some classes only', async () => {
    await using layover = await Layover.start({ config: { policy: { repository: { classes: ['plugin'] } } } });
    const repository = new Repository(layover.url, 'app');
    await repository.addBlobs(CONFIG, LAYER);
    expect(errorsOf(await repository.put(imageOf('one'), 'v1'))).toEqual([403, 'DENIED']);
  });
});

describe('what was pushed', () => {
  it('is there after a restart, and what was deleted is not', async () => {
    await using layover = await Layover.startProcess({ config: DELETES });
    const repository = new Repository(layover.url, 'app');
    await repository.addBlobs(CONFIG, LAYER);
    const [kept, gone] = [imageOf('kept'), imageOf('gone')];
    const artifact = attachedTo(kept, 'a/signature');
    await repository.put(kept, 'kept');
    await repository.put(gone, 'gone');
    await repository.put(artifact, artifact.digest);
    await repository.delete(`manifests/${gone.digest}`);
    await layover.kill('SIGKILL');
    await layover.restart();
    expect(await repository.tags()).toEqual(['kept']);
    expect(await repository.status(`manifests/${gone.digest}`)).toBe(404);
    expect((await repository.get('manifests/kept')).body).toBe(kept.bytes.toString());
    expect(await repository.referrers(kept.digest)).toEqual([artifact.digest]);
  });

  it('is seen by another process with the same storage, and soon not any more when it is deleted', async () => {
    await using first = await Layover.startProcess({ config: DELETES });
    await using second = await Layover.startProcess({ dataDirectory: first.dataDirectory, config: DELETES });
    const [here, there] = [first, second].map(({ url }) => new Repository(url, 'app')) as [Repository, Repository];
    await here.addBlobs(CONFIG, LAYER);
    const [image, other] = [imageOf('one'), imageOf('other')];
    await here.put(image, 'v1');
    expect((await there.get('manifests/v1')).body).toBe(image.bytes.toString());
    expect(await there.status(`manifests/${image.digest}`)).toBe(200);
    expect(await there.status(`blobs/${LAYER.digest}`)).toBe(200);
    await here.put(other, 'v1');
    expect((await there.get('manifests/v1')).body).toBe(other.bytes.toString());
    await here.delete(`manifests/${image.digest}`);
    await here.delete('manifests/v1');
    await here.delete(`blobs/${LAYER.digest}`);
    expect(await there.status('manifests/v1')).toBe(404);
    for (const path of [`manifests/${image.digest}`, `blobs/${LAYER.digest}`]) {
      await expect.poll(() => there.get(path).then(({ status }) => status), { timeout: 20_000 }).toBe(404);
    }
  });
});

describe('names of upstreams', () => {
  it('take nothing, and what is hosted is fetched from none of them', async () => {
    await using upstream = await Layover.start();
    const theirs = new Repository(upstream.url, 'team/app');
    await theirs.addBlobs(CONFIG, LAYER);
    await theirs.put(imageOf('theirs'), 'v1');
    const upstreams = [{ name: 'upstream.example', remoteurl: upstream.url, default: true, storeprefix: '' }];
    await using layover = await Layover.start({ config: { proxy: { upstreams, hosted: ['team/*'] } } });
    const hosted = new Repository(layover.url, 'team/app');
    for (const query of ['', '?ns=upstream.example']) {
      expect((await hosted.get(`manifests/v1${query}`)).status).toBe(404);
      expect((await hosted.get(`blobs/${LAYER.digest}${query}`)).status).toBe(404);
    }
    await hosted.addBlobs(CONFIG, LAYER);
    const ours = imageOf('ours');
    expect((await hosted.put(ours, 'v1?ns=upstream.example')).status).toBe(201);
    for (const query of ['', '?ns=upstream.example']) {
      expect((await hosted.get(`manifests/v1${query}`)).body).toBe(ours.bytes.toString());
    }
    for (const name of ['library/app', 'upstream.example/library/app']) {
      const pulled = new Repository(layover.url, name);
      expect(errorsOf(await pulled.put(ours, 'v1'))).toEqual([405, 'UNSUPPORTED']);
      expect(errorsOf(await pulled.delete(`manifests/${ours.digest}`))).toEqual([405, 'UNSUPPORTED']);
      expect(errorsOf(await pulled.delete(`blobs/${LAYER.digest}`))).toEqual([405, 'UNSUPPORTED']);
    }
  });
});
