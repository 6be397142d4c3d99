import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { expectNothingBroken } from '../../integration/stored-data.ts';
import { type PushScene, startPushScene } from '../push-scene.ts';
import { whyNotTested } from '../why-not-tested.ts';
import { openGoClient } from './go-client.ts';

const SBOM = 'application/vnd.example.sbom';
const SIGNATURE = 'application/vnd.example.signature';
const HTTP = '--plain-http';

const lacks = await whyNotTested('artifacts with referrers', ['oras', 'regctl'], { needsRoot: false });

describe.skipIf(lacks)('artifacts with referrers', () => {
  let scene: PushScene;
  let oras: Awaited<ReturnType<typeof openGoClient>>;
  let regctl: Awaited<ReturnType<typeof openGoClient>>;
  let artifact: string;

  beforeAll(async () => {
    scene = await startPushScene();
    oras = await openGoClient('oras');
    regctl = await openGoClient('regctl');
    await regctl.run('registry', 'set', '--skip-check', '--tls', 'disabled', scene.registry);
    artifact = `${scene.registry}/team/artifact:1`;
    await writeFile(oras.at('data.txt'), 'what it is about');
    await oras.run('push', HTTP, '--artifact-type', 'application/vnd.example.thing', artifact, 'data.txt');
  });
  afterAll(async () => {
    await oras?.[Symbol.asyncDispose]();
    await regctl?.[Symbol.asyncDispose]();
    await scene?.[Symbol.asyncDispose]();
  });

  const discovered = async (name: string, ...filter: string[]) => {
    const found = await oras.run('discover', HTTP, '--format', 'json', ...filter, name);
    const { manifests, referrers } = JSON.parse(found) as Record<'manifests' | 'referrers', Descriptor[] | undefined>;
    return manifests ?? referrers ?? [];
  };
  const attach = async (type: string, file: string, text: string) => {
    await writeFile(oras.at(file), text);
    await oras.run('attach', HTTP, '--artifact-type', type, artifact, file);
  };

  it('are pushed by oras, and pulled with the same bytes', async () => {
    await oras.run('pull', HTTP, '--output', 'pulled', artifact);
    expect(await readFile(oras.at('pulled/data.txt'), 'utf8')).toBe('what it is about');
  });

  it('are attached by oras and by regctl, and both find all of them, or those of a type', async () => {
    await attach(SBOM, 'sbom.txt', 'made of');
    await writeFile(regctl.at('signature.txt'), 'signed');
    await regctl.run('artifact', 'put', '--artifact-type', SIGNATURE, '--subject', artifact, '--file', 'signature.txt');
    const types = (await discovered(artifact)).map(({ artifactType }) => artifactType);
    expect(types.toSorted()).toEqual([SBOM, SIGNATURE]);
    const [signature, ...others] = await discovered(artifact, '--artifact-type', SIGNATURE);
    expect([signature?.artifactType, others]).toEqual([SIGNATURE, []]);
    const listed = await regctl.run(
      'artifact',
      'list',
      '--filter-artifact-type',
      SBOM,
      '--format',
      '{{jsonPretty .}}',
      artifact,
    );
    expect(listed).toContain(SBOM);
    expect(listed).not.toContain(SIGNATURE);
    expect(await regctl.run('artifact', 'get', '--subject', artifact, '--filter-artifact-type', SIGNATURE)).toBe(
      'signed',
    );
  });

  it('are listed by the registry, so no client keeps a tag for the list', async () => {
    expect((await oras.run('repo', 'tags', HTTP, `${scene.registry}/team/artifact`)).trim()).toBe('1');
  });

  it('are copied with what they are about', async () => {
    const copy = `${scene.registry}/team/copied:1`;
    await oras.run('cp', '--recursive', '--from-plain-http', '--to-plain-http', artifact, copy);
    expect(await discovered(copy)).toEqual(
      (await discovered(artifact)).map((referrer) => ({ ...referrer, reference: expect.any(String) as string })),
    );
    const again = `${scene.registry}/team/again:1`;
    await regctl.run('image', 'copy', '--referrers', artifact, again);
    expect(await discovered(again)).toHaveLength(2);
  });

  it('are no longer found once they are deleted', async () => {
    const [sbom] = await discovered(artifact, '--artifact-type', SBOM);
    await oras.run('manifest', 'delete', HTTP, '--force', `${scene.registry}/team/artifact@${sbom?.digest}`);
    expect((await discovered(artifact)).map(({ artifactType }) => artifactType)).toEqual([SIGNATURE]);
    await expectNothingBroken(scene.layover);
  });
});

interface Descriptor {
  readonly digest: string;
  readonly artifactType: string;
}
