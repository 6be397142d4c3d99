import { expect, it } from 'vitest';

import { OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { Layover } from '../support/layover.ts';
import { findProgram } from '../support/programs.ts';
import { runLayover } from '../support/run-layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { startDistribution } from './distribution-cache.ts';
import { CONFIG, described, piece } from './manifest-pushing.ts';
import { pull } from './pulling.ts';
import { ending, send, startUpload } from './pushing.ts';
import { expectNothingBroken } from './stored-data.ts';

const NAME = 'team/app';
const config = described(CONFIG, 'application/vnd.oci.image.config.v1+json');
const MANIFESTS = {
  nolayers: {
    mediaType: OCI_MANIFEST,
    ...piece(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config })),
  },
  nulllayers: {
    mediaType: OCI_MANIFEST,
    ...piece(JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: null })),
  },
  nullindex: {
    mediaType: OCI_INDEX,
    ...piece(JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: null })),
  },
};

const program = await findProgram('docker-registry');
if (program === undefined) console.warn('docker-registry is missing: taking over its odd manifests is not tested');

async function pushByDistribution(rootdirectory: string): Promise<void> {
  await using distribution = await startDistribution({ program: program ?? '', rootdirectory });
  const upload = await startUpload(distribution.url, NAME);
  const headers = { 'content-type': 'application/octet-stream' };
  expect((await send('PUT', ending(upload, CONFIG.digest), { body: CONFIG.bytes, headers })).status).toBe(201);
  for (const [tag, { mediaType, bytes }] of Object.entries(MANIFESTS)) {
    const url = `${distribution.url}/v2/${NAME}/manifests/${tag}`;
    const put = await send('PUT', url, { body: bytes, headers: { 'content-type': mediaType } });
    expect({ tag, status: put.status }).toEqual({ tag, status: 201 });
  }
}

async function expectServed(layover: Layover): Promise<void> {
  for (const [tag, { digest, mediaType }] of Object.entries(MANIFESTS)) {
    for (const method of ['GET', 'HEAD'] as const) {
      const pulled = await pull(`${layover.url}/v2/${NAME}/manifests/${tag}`, { method });
      expect({ tag, status: pulled.status, type: pulled.headers['content-type'] }).toEqual({
        tag,
        status: 200,
        type: mediaType,
      });
      if (method === 'GET') expect(pulled.digest).toBe(digest);
    }
  }
}

it.skipIf(program === undefined)(
  'serves manifests without lists that docker-registry has stored, and collects their repository',
  async () => {
    await using root = await temporaryDirectory();
    await pushByDistribution(root.path);
    await using layover = await Layover.start({ dataDirectory: root.path });
    await expectServed(layover);
    await layover.kill('SIGTERM');
    const { code, stdout } = await runLayover(['garbage-collect', '--grace', '0s', layover.configFile]);
    expect([code, stdout]).toEqual([0, expect.not.stringContaining('skipped') as string]);
    await layover.restart();
    await expectServed(layover);
    await expectNothingBroken(layover);
  },
);
