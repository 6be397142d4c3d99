import { writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { certificate } from '../../http/tls/certificates.ts';
import { sharedHub } from '../../integration/scene.ts';
import { wholeResponseTo } from '../../support/http-client.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { parseMetrics } from '../../telemetry/metric-samples.ts';
import { image, images, startWithWorkers } from './scene.ts';

const hub = sharedHub(images);
const MANIFEST = `/v2/library/app/manifests/${image.digest}`;

it('clients, certificate and version of a service with workers are in its metrics', async () => {
  await using directory = await temporaryDirectory();
  const tls = { certificate: join(directory.path, 'cert.pem'), key: join(directory.path, 'key.pem') };
  const { cert, key } = await certificate('own', { days: 3 });
  await writeFile(tls.certificate, cert);
  await writeFile(tls.key, key);
  const debug = { addr: '127.0.0.1:0', prometheus: { enabled: true } };
  await using layover = await startWithWorkers(hub(), { http: { tls, debug, trustedproxies: ['127.0.0.1'] } });
  for (const address of ['192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2', '192.0.2.1']) {
    const headers = { 'x-forwarded-for': address };
    await wholeResponseTo(request(layover.url + MANIFEST, { headers, rejectUnauthorized: false }).end());
  }
  const sample = async (name: RegExp) => {
    const samples = [...parseMetrics(await (await fetch(`${layover.debugUrl}/metrics`)).text())];
    return samples.find(([each]) => name.test(each))?.[1];
  };
  await expect.poll(() => sample(/^layover_clients$/)).toBe(4);
  await expect.poll(async () => Math.round(((await sample(/certificate_expiry/)) ?? 0) / 86_400)).toBe(3);
  expect(await sample(/^layover_build_info/)).toBe(1);
});
