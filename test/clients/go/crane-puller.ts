import type { Puller } from '../push-client.ts';
import { openGoClient } from './go-client.ts';

/** Verifies every layer while it writes a layout. */
export const cranePuller: Puller = {
  programs: ['crane'],
  async pull(image) {
    await using crane = await openGoClient('crane');
    await crane.run('pull', '--insecure', '--format=oci', image, crane.at('image'));
    const manifest = JSON.parse(await crane.run('manifest', '--insecure', image)) as { config: { digest: string } };
    return manifest.config.digest;
  },
};
