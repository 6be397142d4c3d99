import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { BUNDLE, SIGNERS, SIMPLE, type Signer, sigstoreBundle, simpleSigning } from '../signatures/material.ts';
import { Layover } from '../support/layover.ts';
import { Pusher } from '../support/push.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { runImage } from './image-scene.ts';

const config = { digest: digestOf(Buffer.from('{}')), bytes: Buffer.from('{}') };

function manifestOf(
  layer: { readonly mediaType: string; readonly bytes: Buffer; readonly annotations?: object },
  more = {},
) {
  const { mediaType, bytes, annotations } = layer;
  const blob = { digest: digestOf(bytes), bytes };
  const content = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.empty.v1+json', digest: config.digest, size: config.bytes.length },
    layers: [{ mediaType, digest: blob.digest, size: bytes.length, ...(annotations && { annotations }) }],
    ...more,
  };
  const manifest = Buffer.from(JSON.stringify(content));
  return { digest: digestOf(manifest), bytes: manifest, blobs: [blob, config] };
}

const app = manifestOf({ mediaType: 'application/vnd.oci.image.layer.v1.tar', bytes: Buffer.alloc(1024) });
const subject = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: app.digest, size: app.bytes.length };

async function expectVerified(pushedTo: string, host: string, cwd: string): Promise<void> {
  const [old, current, stranger] = [0, 1, 2].map(() => (SIGNERS['EC P-384 with SHA-384'] as () => Signer)());
  if (!old || !current || !stranger) throw new Error('no keys');
  for (const [name, { pem }] of Object.entries({ old, current, stranger }))
    await writeFile(join(cwd, `${name}.pub`), pem);
  const verify = (...keys: readonly string[]) =>
    runImage(cwd, ['verify', `${host}/team/app:1`, '--plain-http', ...keys.flatMap((key) => ['--key', `${key}.pub`])]);
  const unsigned = {
    code: 1,
    stdout: '',
    stderr: `layover: ${host}/team/app:1 (${app.digest}) has no signature of these keys\n`,
  };
  expect(await verify('old', 'current')).toMatchObject(unsigned);

  const pusher = new Pusher(pushedTo);
  const { payload, annotations } = simpleSigning(old, app.digest);
  const tag = `${app.digest.replace(':', '-')}.sig`;
  await pusher.image('team/app', manifestOf({ mediaType: SIMPLE, bytes: payload, annotations }), tag);
  expect(await verify('old')).toMatchObject({ code: 0, stdout: `${app.digest} is signed with old.pub (cosign)\n` });
  const refused = await verify('current');
  expect(refused).toMatchObject({ code: 1, stdout: '' });
  expect(refused.stderr).toMatch(
    /has no signature of these keys\n {2}sha256:[0-9a-f]{64}: it is signed with another key\n$/,
  );

  const bundle = manifestOf(
    { mediaType: BUNDLE, bytes: sigstoreBundle(current, app.digest) },
    { artifactType: BUNDLE, subject },
  );
  await pusher.image('team/app', bundle, bundle.digest);
  expect(await verify('current', 'stranger')).toMatchObject({
    code: 0,
    stdout: `${app.digest} is signed with current.pub (sigstore bundle)\n`,
  });
  expect(await verify('stranger')).toMatchObject({ code: 1 });
}

describe('layover image verify', () => {
  it('finds signatures by tag and by referrer in a registry', async () => {
    await using directory = await temporaryDirectory();
    await using registry = await Layover.start();
    await new Pusher(registry.url).image('team/app', app, '1');
    await expectVerified(registry.url, new URL(registry.url).host, directory.path);
  });

  it('explains keys and images that it cannot use', async () => {
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'bad.pub'), 'no key');
    const verify = (...args: readonly string[]) => runImage(directory.path, ['verify', 'oci:none', ...args]);
    expect(await verify('--key', 'bad.pub')).toMatchObject({
      code: 1,
      stderr: 'layover: bad.pub: not a public key in PEM\n',
    });
    expect(await verify('--key', 'none.pub')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('none.pub'),
    });
    expect(await verify()).toMatchObject({ stderr: expect.stringContaining('--key') });
  });
});
