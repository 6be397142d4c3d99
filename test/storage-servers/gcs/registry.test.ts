import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { imageOf, layer } from '../../content/garbage/content-model.ts';
import { sharedHub } from '../../integration/scene.ts';
import { FakeGcs } from '../../storage/gcs/fake-gcs.ts';
import { Images } from '../../support/images.ts';
import { dockerHubUpstream, Layover } from '../../support/layover.ts';
import { runProgram } from '../../support/processes.ts';
import { findProgram, programEnvironment } from '../../support/programs.ts';
import { Pusher } from '../../support/push.ts';
import { runLayover } from '../../support/run-layover.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { BUCKET, fakeGcsServer, sharedGcs } from './fake-gcs-server.ts';

const MIB = 1024 * 1024;
const skopeo = await findProgram('skopeo');
if (skopeo === undefined) console.warn('skopeo is missing: its pulls and pushes are not tested');
const first = imageOf('first', [layer('shared'), layer('first')]);
const second = imageOf('second', [layer('shared'), layer('second')]);

const images = new Images();
const image = images.addImage('library/app', '1', { layers: [18 * MIB + 5, MIB] });
const [, large] = image.layers as readonly string[] as readonly [string, string];

describe.skipIf(fakeGcsServer === undefined)('the built program with Cloud Storage', () => {
  const server = sharedGcs();
  const hub = sharedHub(images);
  /** Issues the tokens; the server takes any. */
  let google: FakeGcs;
  beforeAll(async () => {
    google = await FakeGcs.start();
  });
  afterAll(() => google[Symbol.asyncDispose]());

  const gcsWith = (more: object = {}) => ({
    bucket: BUCKET,
    endpoint: server().url,
    credentials: google.accounts.keyFile(`${google.url}/token`),
    chunksize: 4 * MIB,
    ...more,
  });
  const configWith = (gcs: object) => ({
    storage: { filesystem: undefined, gcs, delete: { enabled: true } },
    http: { secret: 'the same for all' },
    proxy: { hosted: ['team/*'], upstreams: [dockerHubUpstream(hub())] },
  });

  it('is ready when the bucket exists; otherwise the log names the key', async () => {
    await using good = await Layover.startProcess({ config: configWith(gcsWith({ rootdirectory: 'ready' })) });
    await expect.poll(async () => (await fetch(`${good.url}/readyz`)).status).toBe(200);
    await using bad = await Layover.startProcess({ config: configWith(gcsWith({ bucket: 'absent' })) });
    const [line] = await bad.waitForOutput(/.*startup check failed.*/);
    expect(line).toContain('(check storage.gcs.bucket)');
    expect((await fetch(`${bad.url}/readyz`)).status).toBe(503);
  });

  it.skipIf(skopeo === undefined)('serves pulls and takes pushes of skopeo, with redirects to the bucket', async () => {
    await using layover = await Layover.startProcess({ config: configWith(gcsWith({ rootdirectory: 'skopeo' })) });
    await using directory = await temporaryDirectory();
    const registry = `docker://127.0.0.1:${layover.port}`;
    const copy = (from: string, to: string) =>
      runProgram(
        skopeo as string,
        ['copy', '--insecure-policy', '--src-tls-verify=false', '--dest-tls-verify=false', from, to],
        {
          env: programEnvironment(),
        },
      );
    const target = async (name: string) => {
      await mkdir(join(directory.path, name));
      return `dir:${join(directory.path, name)}`;
    };
    const cold = await target('cold');
    await copy(`${registry}/library/app:1`, cold);
    await copy(cold, `${registry}/team/app:1`);
    await copy(`${registry}/team/app:1`, await target('pushed'));
    expect(await readdir(join(directory.path, 'pushed'))).toContain(large.replace('sha256:', ''));
    const blob = `${layover.url}/v2/team/app/blobs/${large}`;
    const redirect = await fetch(blob, { redirect: 'manual' });
    expect(redirect.status).toBe(307);
    expect(redirect.headers.get('location')).toMatch(
      new RegExp(`^${server().url}/${BUCKET}/skopeo/docker/registry/v2/blobs/.*X-Goog-Signature=[0-9a-f]{512}$`),
    );
    expect((await (await fetch(blob)).arrayBuffer()).byteLength).toBe(18 * MIB + 5);
  });

  it('collects the garbage of deleted images', async () => {
    const gcs = gcsWith({ rootdirectory: 'garbage' });
    await using layover = await Layover.startProcess({ config: configWith(gcs) });
    await using directory = await temporaryDirectory();
    const pusher = new Pusher(layover.url);
    await pusher.image('team/app', first, '1');
    await pusher.image('team/app', second, '2');
    await pusher.delete('team/app', first.digest);
    await layover.kill('SIGTERM');
    const file = join(directory.path, 'config.yml');
    await writeFile(file, stringify({ version: 0.1, storage: { gcs } }));
    const { code, stdout } = await runLayover(['garbage-collect', '--grace', '0s', file]);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/0 manifests, 2 links and 3 blobs removed/)]);
    await using again = await Layover.startProcess({ config: configWith(gcs) });
    await new Pusher(again.url).expectWhole('team/app', second, '2');
    expect((await fetch(`${again.url}/v2/team/app/blobs/${layer('first').digest}`)).status).toBe(404);
  });
});
