import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { beforeAll, describe, expect, it } from 'vitest';

import { layoverCommand } from '../retention/command.ts';
import { Keyless } from '../signatures/keyless.ts';
import { SIGNERS, type Signer } from '../signatures/material.ts';
import { Images } from '../support/images.ts';
import { type ConfigObject, Layover } from '../support/layover.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';
import { manifestUrl, statusOf } from './admission-scene.ts';
import { cacheConfig, sharedHub } from './scene.ts';
import { attachBundle } from './signed-images.ts';

const ISSUER = 'https://token.actions.githubusercontent.com';
const workflow = (repository: string) => `https://github.com/${repository}/.github/workflows/release.yml@refs/tags/v1`;
const IDENTITY = 'https://github.com/acme/*/.github/workflows/release.yml@refs/tags/*';

const images = new Images();
const good = images.addImage('acme/app', 'good');
const evil = images.addImage('acme/app', 'evil');
const keyless = await Keyless.create();
for (const [image, repository] of [
  [good, 'acme/app'],
  [evil, 'acme-evil/app'],
] as const) {
  const bundle = await keyless.sign(image.digest, { issuer: ISSUER, subject: workflow(repository) });
  attachBundle(images, 'acme/app', image, bundle);
}
const hub = sharedHub(images, { challenge: 'none' });

let files: TemporaryDirectory;
beforeAll(async () => {
  files = await temporaryDirectory();
  await writeFile(join(files.path, 'trusted_root.json'), keyless.trustedRoot());
  await writeFile(join(files.path, 'acme.pub'), (SIGNERS['EC P-256'] as () => Signer)().pem);
  return () => files[Symbol.asyncDispose]();
});

const rootFile = () => join(files.path, 'trusted_root.json');
const identities = [{ issuer: ISSUER, subject: IDENTITY }];
const configWith = (authority: ConfigObject): ConfigObject => ({
  ...cacheConfig(hub(), {}),
  policy: {
    admission: {
      authorities: [{ name: 'release', ...authority }],
      rules: [{ images: ['docker.io/acme/**'], signedby: ['release'] }],
    },
  },
});

describe('images that are signed with certificates', () => {
  it('are served by the built program for the identity alone', async () => {
    await using layover = await Layover.startProcess({ config: configWith({ trustedroot: rootFile(), identities }) });
    expect(await statusOf(manifestUrl(layover, 'acme/app', 'good'))).toBe(200);
    expect(await statusOf(manifestUrl(layover, 'acme/app', 'evil'))).toBe(403);
    const checked = await layoverCommand(
      ...['policy', 'check', 'docker.io/acme/app:evil', '--explain', '--config', layover.configFile],
    );
    expect(checked.stdout).toContain(`not accepted: it is signed by ${workflow('acme-evil/app')} (${ISSUER})`);
  });

  it('are verified by command', async () => {
    const verify = (tag: string, ...options: readonly string[]) =>
      layoverCommand('image', 'verify', ...options, `${hub().url.replace('http://', '')}/acme/app:${tag}`);
    const options = ['--plain-http', '--trusted-root', rootFile(), '--issuer', ISSUER, '--identity', IDENTITY];
    expect(await verify('good', ...options)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('is signed with'),
    });
    expect(await verify('evil', ...options)).toMatchObject({ code: 1 });
    expect(await verify('good', '--plain-http', '--trusted-root', rootFile())).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('give --key, or --trusted-root with --identity and --issuer'),
    });
  });
});

describe('config check', () => {
  it.each([
    [
      'a key with identities',
      () => ({ keys: [join(files.path, 'acme.pub')], identities }),
      'identities: have no effect on keys',
    ],
    [
      'a root without identities',
      () => ({ trustedroot: rootFile() }),
      'identities: are missing: anyone can get a certificate',
    ],
    [
      'another file as the root',
      () => ({ trustedroot: join(files.path, 'acme.pub'), identities }),
      'not a trusted root',
    ],
    ['another file as a key', () => ({ keys: [rootFile()] }), 'not a public key in PEM'],
    ['neither', () => ({}), 'keys: are missing (or trustedroot and identities)'],
  ])('reports %s', async (_, authority, problem) => {
    const file = join(files.path, 'config.yml');
    await writeFile(file, stringify({ version: '0.1', ...configWith(authority()) }));
    const { code, stdout } = await layoverCommand('config', 'check', file);
    expect([code, stdout]).toEqual([1, expect.stringContaining(problem)]);
  });
});
