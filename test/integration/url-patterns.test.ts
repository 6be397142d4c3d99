import { expect, it } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { Layover } from '../support/layover.ts';

const FOREIGN = 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip';
const OCI = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = Buffer.from('{}');

/** Those of distribution's documentation. */
const urls = { allow: ['^https?://([^/]+\\.)*example\\.com/'], deny: ['^https?://www\\.example\\.com/'] };

it('takes the patterns of distribution without an exponential search, and bounds the URL', async () => {
  await using layover = await Layover.start({ config: { validation: { manifests: { urls } } } });
  const repository = `${layover.url}/v2/team/app`;
  const digest = digestOf(CONFIG);
  const created = await fetch(`${repository}/blobs/uploads/?digest=${digest}`, { method: 'POST', body: CONFIG });
  expect(created.status).toBe(201);
  const push = async (url: string) => {
    const layer = { mediaType: FOREIGN, digest: `sha256:${'a'.repeat(64)}`, size: 2, urls: [url] };
    const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: CONFIG.length };
    const body = JSON.stringify({ schemaVersion: 2, mediaType: OCI, config, layers: [layer] });
    const response = await fetch(`${repository}/manifests/1`, {
      method: 'PUT',
      body,
      headers: { 'content-type': OCI },
    });
    await response.arrayBuffer();
    return response.status;
  };
  const start = performance.now();
  expect(await push(`https://${'a.'.repeat(36)}x`)).toBe(400);
  expect(await push(`https://${'a.'.repeat(4000)}x`)).toBe(400);
  expect(performance.now() - start).toBeLessThan(5000);
  expect(await push('https://www.example.com/layer')).toBe(400);
  expect(await push(`https://a.example.com/${'x'.repeat(9000)}`)).toBe(400);
  expect((await fetch(`${repository}/manifests/1`)).status).toBe(404);
  expect(await push('https://a.b.example.com/layer')).toBe(201);
});
