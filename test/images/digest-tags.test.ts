import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { writeDistributionLayout } from '../support/distribution-layout.ts';
import { startDockerRegistryOn } from '../support/docker-registry.ts';
import { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { findProgram } from '../support/programs.ts';
import { startRegistryBackend } from '../support/registry-backend.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { hostOf, manifestAt, runImage, startScene } from './image-scene.ts';

/** An index signed as cosign 2 does with `--recursive`, whose signature has an attestation. */
function signed() {
  const images = new Images();
  const index = images.addIndex('team/app', '1');
  const attach = (digest: string, suffix: string, text: string) => {
    const tag = `${digest.replace(':', '-')}.${suffix}`;
    return { tag, ...images.addImage('team/app', tag, { seed: text, layers: [4096] }) };
  };
  const signature = attach(index.digest, 'sig', 'signature of the index');
  const sbom = attach(index.images.arm64.digest, 'sbom', 'sbom of arm64');
  const attestation = attach(signature.digest, 'att', 'attestation of the signature');
  images.addImage('team/app', `${'sha256-'.padEnd(71, '0')}.sig`, { seed: 'of another image', layers: [4096] });
  return { images, index, attachments: [signature, sbom, attestation] };
}

describe('--referrers with signatures, attestations and SBOMs that are tags', () => {
  it('copies them under their tags, through a layout, an archive and a registry, and counts them', async () => {
    const { images, index, attachments } = signed();
    await using scene = await startScene(images);
    const { from, to, toUrl, image } = scene;
    const steps = [
      [`${from}/team/app:1`, 'oci:layout'],
      ['oci:layout', 'oci-archive:layout.tar'],
      ['oci-archive:layout.tar', `${to}/copied/app:1`],
    ] as const;
    for (const [source, target] of steps) {
      const copied = await image(['copy', '--referrers', source, target]);
      expect(copied).toMatchObject({ code: 0, stdout: `${index.digest}\n` });
      expect(copied.stderr).toContain('6 manifests (3 attachments)');
      expect(copied.stderr).toMatch(/with 3 attachments\n$/);
    }
    for (const { tag, bytes } of attachments) expect(await manifestAt(toUrl, 'copied/app', tag)).toEqual(bytes);
    const listed = await image(['list', `${to}/copied/app`]);
    expect(listed.stdout.trim().split('\n').sort()).toEqual(['1', ...attachments.map(({ tag }) => tag)].sort());
  });

  it('copies those of the platforms that are copied, and none without the option', async () => {
    const { images, index, attachments } = signed();
    await using scene = await startScene(images);
    const { from, to, toUrl, image } = scene;
    const arm64 = ['copy', '--referrers', '--platform', 'linux/arm64', `${from}/team/app:1`, `${to}/arm:1`];
    expect((await image(arm64)).stderr).toContain('with 1 attachment ');
    expect(await manifestAt(toUrl, 'arm', attachments[1]?.tag ?? '')).toEqual(attachments[1]?.bytes);
    expect(await manifestAt(toUrl, 'arm', attachments[0]?.tag ?? '')).toBeUndefined();
    expect((await image(['copy', `${from}/team/app:1`, `${to}/plain:1`])).stderr).not.toContain('attachment');
    expect((await image(['list', `${to}/plain`])).stdout).toBe('1\n');
    expect(await manifestAt(toUrl, 'plain', '1')).toEqual(index.bytes);
  });

  it('finds them where tags cannot be listed, and fails when the registry does', async () => {
    const { images, attachments } = signed();
    await using hub = await Hub.start(images, { challenge: 'none' });
    await using plain = await startRegistryBackend(new Images());
    await using directory = await temporaryDirectory();
    const copy = (target: string) => {
      const source = `127.0.0.1:${hub.port}/team/app:1`;
      return runImage(directory.path, ['copy', '--referrers', source, `${hostOf(plain)}/${target}`]);
    };
    const allow = hub.faults.fail('tags', { status: 405 });
    expect(await copy('app:1')).toMatchObject({ code: 0, stderr: expect.stringContaining('with 3 attachments') });
    expect(hub.requests.counts().tags).toBe(1);
    allow();
    for (const { tag, bytes } of attachments) expect(await manifestAt(plain.url, 'app', tag)).toEqual(bytes);
    hub.faults.fail('tags', { status: 500 });
    expect((await copy('other:1')).code).toBe(1);
    expect(await manifestAt(plain.url, 'other', '1')).toBeUndefined();
  });
});

describe('layover image list of a layout', () => {
  it('lists its names and digests, also those of an archive', async () => {
    const { images, index, attachments } = signed();
    await using scene = await startScene(images);
    const { from, image } = scene;
    await image(['copy', '-q', '--referrers', `${from}/team/app:1`, 'oci:layout']);
    await image(['copy', '-q', `${from}/team/app:1`, 'oci-archive:one.tar:app:1']);
    const names = (await image(['list', 'oci:layout'])).stdout.trim().split('\n');
    expect(names.sort()).toEqual(['1', ...attachments.map(({ tag }) => tag)].sort());
    expect((await image(['list', '--digests', 'oci-archive:one.tar'])).stdout).toBe(
      `TAG    DIGEST\napp:1  ${index.digest}\n`,
    );
    const { tags } = JSON.parse((await image(['list', '--json', 'oci:layout'])).stdout) as { tags: { tag: string }[] };
    expect(tags.find(({ tag }) => tag === '1')).toEqual({ tag: '1', digest: index.digest });
    // The only image in it, as the others belong to it.
    expect((await image(['inspect', '--json', 'oci:layout'])).stdout).toContain(index.digest);
  });

  it('reports what it cannot list', async () => {
    await using scene = await startScene(new Images());
    await writeFile(join(scene.path, 'file'), 'text');
    expect((await scene.image(['list', 'oci:nowhere'])).stderr).toBe('layover: nowhere: no such directory\n');
    expect((await scene.image(['list', 'oci:file'])).stderr).toBe('layover: file: not a directory\n');
    expect((await scene.image(['list', 'docker-archive:file'])).stderr).toContain('only layouts are listed');
  });
});

describe('layover image delete', () => {
  it('deletes a manifest with its tags, and needs a tag or a digest', async () => {
    const images = new Images();
    const app = images.addImage('team/app', '1', { layers: [4096] });
    await using scene = await startScene(images);
    const { from, image } = scene;
    const url = `http://${from}`;
    expect((await image(['delete', `${from}/team/app`])).stderr).toContain('name the tag or the digest to delete');
    expect((await image(['delete', `${from}/team/app:1@${app.digest}`])).stderr).toContain('not both');
    expect((await image(['delete', 'oci:layout'])).stderr).toContain('only images of registries can be deleted');
    expect(await manifestAt(url, 'team/app', '1')).toEqual(app.bytes);
    const deleted = await image(['delete', `${from}/team/app@${app.digest}`]);
    expect(deleted).toMatchObject({ code: 0, stdout: `deleted ${from}/team/app@${app.digest}\n` });
    expect(await manifestAt(url, 'team/app', '1')).toBeUndefined();
    expect((await image(['delete', `${from}/team/app@${app.digest}`])).code).toBe(1);
  });

  it('names the command for the manifest where distribution 2.8 refuses to delete a tag', async ({ skip }) => {
    const program = await findProgram('docker-registry');
    if (program === undefined) return skip('docker-registry is missing');
    const images = new Images();
    const app = images.addImage('team/app', '1', { layers: [4096] });
    await using directory = await temporaryDirectory();
    await writeDistributionLayout(directory.path, images);
    await using registry = await startDockerRegistryOn(program, directory.path);
    const name = `${hostOf(registry)}/team/app`;
    const refused = await runImage(directory.path, ['delete', `${name}:1`]);
    const advice = `layover image delete ${name}@${app.digest}`;
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`refuses to delete a tag (`) });
    expect(refused.stderr).toContain(advice);
    expect(await manifestAt(registry.url, 'team/app', '1')).toEqual(app.bytes);
    expect(await runImage(directory.path, ['delete', `${name}@${app.digest}`])).toMatchObject({ code: 0, stderr: '' });
    expect(await manifestAt(registry.url, 'team/app', '1')).toBeUndefined();
  });
});
