import { rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

import { ACCEPT_MANIFESTS } from '../support/media-types.ts';
import { layoverCommand } from '../retention/command.ts';
import { SIGNERS, type Signer } from '../signatures/material.ts';
import { writeDistributionLayout } from '../support/distribution-layout.ts';
import { startDockerRegistryOn } from '../support/docker-registry.ts';
import { Images } from '../support/images.ts';
import type { Layover } from '../support/layover.ts';
import { findProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { blobUrl, manifestUrl, statusOf, withAuthority } from './admission-scene.ts';
import { sharedHub } from './scene.ts';
import { signByReferrer, signByTag } from './signed-images.ts';

const signer = (SIGNERS['EC P-256'] as () => Signer)();
const stranger = (SIGNERS['EC P-256'] as () => Signer)();
const images = new Images();
const signed = images.addImage('acme/app', 'signed', { layers: [4096] });
const unsigned = images.addImage('acme/app', 'unsigned', { layers: [4096] });
const fresh = images.addImage('library/app', '1');
const index = images.addIndex('acme/multi', '1', { layers: [4096] });
signByTag(images, 'acme/app', signed, signer);
signByReferrer(images, 'acme/app', unsigned, stranger);
signByTag(images, 'acme/multi', index, signer);
const hub = sharedHub(images);
const { start } = withAuthority(hub, signer);
const program = await findProgram('docker-registry');
if (program === undefined) console.warn('docker-registry is missing: rules in front of a real registry are not tested');

const RULES = [
  { name: 'acme', images: ['docker.io/acme/**'], signedby: ['acme'] },
  { name: 'others', images: ['docker.io/library/**'], minage: '3d' },
];
const policy = (layover: Layover, ...args: readonly string[]) =>
  layoverCommand('policy', ...args, '--config', layover.configFile);

describe('layover policy', () => {
  it('checks images without effects, and explains why', async () => {
    await using layover = await start({ rules: RULES });
    expect(await policy(layover, 'check', 'docker.io/acme/app:signed', '--explain')).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^admitted: docker\.io\/acme\/app:signed \(sha256:.*\): signed by acme, rule acme\n {2}sha256:.*: signed by acme: cosign\n$/,
      ),
    });
    expect(await policy(layover, 'check', 'docker.io/acme/app:unsigned', '--explain')).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(
        /^refused: .*: no signature of acme, rule acme\n {2}sha256:.*: not accepted: .*key\n$/,
      ),
    });
    expect(await policy(layover, 'check', `docker.io/acme/app@${unsigned.digest}`, '--json')).toMatchObject({
      code: 1,
    });
    expect(await policy(layover, 'check', 'docker.io/other/app:1')).toMatchObject({ code: 1 });
    expect(await policy(layover, 'check', 'nothing')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('"nothing" is not a stored name, such as docker.io/library/nginx:1'),
    });
    expect(await policy(layover, 'list', '--held')).toMatchObject({ code: 0, stdout: 'nothing is held\n' });
  });

  it('lists held images, and releases one', async () => {
    await using layover = await start({ rules: RULES });
    expect(await statusOf(manifestUrl(layover, 'library/app', '1'))).toBe(403);
    expect(await statusOf(manifestUrl(layover, 'acme/app', 'unsigned'))).toBe(403);
    const listed = await policy(layover, 'list', '--held');
    expect(listed.stdout).toMatch(/^docker\.io\/library\/app:1 +sha256:\w+ +others +held until \d{4}-.*Z$/m);
    expect(listed.stdout).toMatch(/^docker\.io\/acme\/app@sha256:\w+ +sha256:\w+ +acme +no signature of acme$/m);
    const name = `docker.io/library/app@${fresh.digest}`;
    expect(await policy(layover, 'release', 'docker.io/library/app:1', '--reason', 'x')).toMatchObject({ code: 1 });
    expect(await policy(layover, 'release', name, '--reason', 'fixes CVE-2026-1')).toMatchObject({
      code: 0,
      stdout: `released ${name}\n`,
    });
    expect(await statusOf(manifestUrl(layover, 'library/app', '1'))).toBe(200);
    await layover.waitForOutput(/msg="content released by an operator" .*reason="fixes CVE-2026-1"/);
    await layover.restart();
    expect(await statusOf(manifestUrl(layover, 'library/app', '1'))).toBe(200);
  });

  it('lists what changed rules refuse', async () => {
    await using layover = await start({ rules: [{ ...RULES[0], images: ['docker.io/acme/**'], signedby: ['acme'] }] });
    expect(await statusOf(manifestUrl(layover, 'acme/app', 'signed'))).toBe(200);
    expect(await policy(layover, 'diff')).toMatchObject({
      code: 0,
      stdout: 'nothing that was admitted is refused now\n',
    });
  });
});

describe.skipIf(program === undefined)('the built program in front of a docker-registry', () => {
  it('serves signed images alone, and finds their signatures without the referrers API', async () => {
    await using directory = await temporaryDirectory();
    await rm(directory.path, { recursive: true });
    await writeDistributionLayout(directory.path, images);
    await using registry = await startDockerRegistryOn(program ?? '', directory.path);
    const upstream = { remoteurl: registry.url };
    await using layover = await start({ rules: RULES, upstream, ownProcess: true });
    const headers = { accept: ACCEPT_MANIFESTS };
    expect(await statusOf(manifestUrl(layover, 'acme/app', 'signed'), { headers })).toBe(200);
    expect(await statusOf(manifestUrl(layover, 'acme/multi', '1'), { headers })).toBe(200);
    expect(await statusOf(manifestUrl(layover, 'acme/multi', index.images.arm64.digest), { headers })).toBe(200);
    expect(await statusOf(manifestUrl(layover, 'acme/app', 'unsigned'), { headers })).toBe(403);
    for (const digest of [signed.config, ...signed.layers])
      expect(await statusOf(blobUrl(layover, 'acme/app', digest))).toBe(200);
    for (const digest of [unsigned.config, ...unsigned.layers].filter((one) => !signed.layers.includes(one)))
      expect(await statusOf(blobUrl(layover, 'acme/app', digest))).toBe(403);
    expect(await statusOf(manifestUrl(layover, 'library/app', '1'), { headers })).toBe(403);
    expect(await policy(layover, 'check', 'docker.io/acme/app:signed')).toMatchObject({ code: 0 });
  });
});
