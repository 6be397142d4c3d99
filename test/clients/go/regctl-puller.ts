import type { Puller } from '../push-client.ts';
import { openGoClient } from './go-client.ts';

/** Verifies every layer while it writes a layout. */
export const regctlPuller: Puller = {
  programs: ['regctl'],
  async pull(image) {
    await using regctl = await openGoClient('regctl');
    const [registry = ''] = image.split('/');
    const host = ['--host', `reg=${registry},tls=disabled`];
    await regctl.run(...host, 'image', 'copy', image, `ocidir://${regctl.at('image')}:1`);
    return (
      await regctl.run('manifest', 'get', '--format', '{{.GetConfig.Digest}}', `ocidir://${regctl.at('image')}:1`)
    ).trim();
  },
};
