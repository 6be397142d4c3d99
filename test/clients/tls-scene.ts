import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { certificate } from '../http/tls/certificates.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { startRegistryBackend } from '../support/registry-backend.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const images = new Images();
const { layers } = images.addImage('source/app', '1', { layers: [3_000_000] });

/** Fewer requests than these are no push and pull of the image. */
export const FEWEST_REQUESTS = 2 * layers.length;

/** Where a client pushes to: names that Layover has itself, and others that it sends on to an upstream. */
export const PLACES = [
  ['to the registry', 'team'],
  ['through it to an upstream', 'passed'],
] as const;

export interface TlsScene extends AsyncDisposable {
  readonly layover: Layover;
  /** Host and port by which clients know Layover. */
  readonly registry: string;
  /** An image of a registry without TLS. */
  readonly from: string;
  /** A directory with the CA in `ca.crt`, as `/etc/docker/certs.d` has them. */
  readonly certDirectory: string;
}

/** Layover with TLS and so with HTTP/2. */
export async function startTlsScene(): Promise<TlsScene> {
  const directory = await temporaryDirectory();
  const at = (name: string) => join(directory.path, name);
  const ca = await certificate('ca');
  const own = await certificate('own', { ca });
  await mkdir(at('certs'));
  await writeFile(at('certs/ca.crt'), ca.cert);
  await writeFile(at('cert.pem'), own.cert);
  await writeFile(at('key.pem'), own.key);
  const source = await startRegistryBackend(images);
  const upstream = { name: 'up.example', remoteurl: source.url, default: true, push: 'passthrough' };
  const layover = await Layover.startProcess({
    config: {
      http: { tls: { certificate: at('cert.pem'), key: at('key.pem') } },
      proxy: { upstreams: [upstream], hosted: ['team/**'] },
    },
  });
  return {
    layover,
    registry: new URL(layover.url).host,
    from: `${new URL(source.url).host}/source/app:1`,
    certDirectory: at('certs'),
    async [Symbol.asyncDispose]() {
      await layover[Symbol.asyncDispose]();
      await source[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** `HTTP/2.0`, one for each line of the access log about a repository. */
export function protocolsOf({ layover }: TlsScene, repository: string): readonly string[] {
  return layover.stdout
    .split('\n')
    .filter((line) => line.includes(`/v2/${repository}/`))
    .flatMap((line) => /HTTP\/\d\.\d/.exec(line) ?? []);
}
