import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { FEWEST_REQUESTS, PLACES, protocolsOf, startTlsScene, type TlsScene } from '../tls-scene.ts';
import { whyNotTested } from '../why-not-tested.ts';
import { openGoClient } from './go-client.ts';

let scene: TlsScene;

beforeAll(async () => {
  scene = await startTlsScene();
});
afterAll(() => scene?.[Symbol.asyncDispose]());

const CLIENTS = {
  crane: {
    push: (to: string) => ['copy', scene.from, to],
    pull: (image: string) => ['pull', '--format=oci', image, 'pulled'],
  },
  oras: {
    push: (to: string) => ['copy', '--from-plain-http', scene.from, to],
    pull: (image: string) => ['copy', '--to-oci-layout', image, 'pulled:1'],
  },
};

for (const [name, { push, pull }] of Object.entries(CLIENTS)) {
  const lacks = await whyNotTested(`${name} by HTTP/2`, [name], { needsRoot: false });

  describe.skipIf(lacks)(`${name} with TLS`, () => {
    it.each(PLACES)('pushes %s and pulls, by HTTP/2 alone', async (_where, prefix) => {
      await using client = await openGoClient(name, { SSL_CERT_FILE: join(scene.certDirectory, 'ca.crt') });
      const repository = `${prefix}/${name}`;
      await client.run(...push(`${scene.registry}/${repository}:1`));
      await client.run(...pull(`${scene.registry}/${repository}:1`));
      const seen = () => protocolsOf(scene, repository);
      await expect.poll(() => seen().length).toBeGreaterThanOrEqual(FEWEST_REQUESTS);
      expect(new Set(seen())).toEqual(new Set(['HTTP/2.0']));
    });
  });
}
