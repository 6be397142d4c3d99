import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { certificate } from '../test/http/tls/certificates.ts';
import { writeDistributionLayout } from '../test/support/distribution-layout.ts';
import { startDockerRegistry } from '../test/support/docker-registry.ts';
import type { Images } from '../test/support/images.ts';
import { findProgram } from '../test/support/programs.ts';
import { temporaryDirectory } from '../test/support/temporary-directory.ts';

/** PEM files for loopback. */
export interface TlsFiles {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

export async function createTlsFiles(): Promise<TlsFiles & AsyncDisposable> {
  const directory = await temporaryDirectory();
  const ca = await certificate('bench CA');
  const server = await certificate('127.0.0.1', { ca });
  const write = async (name: string, text: string) => {
    const file = join(directory.path, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  return {
    ca: await write('ca.pem', ca.cert),
    certificate: await write('server.pem', server.cert),
    key: await write('server.key', server.key),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** Debian's docker-registry with these images, over TLS. Undefined where it is not installed. */
export async function startTlsRegistry(
  images: Images,
  { certificate: file, key }: TlsFiles,
): Promise<({ readonly url: string } & AsyncDisposable) | undefined> {
  const program = await findProgram('docker-registry');
  if (program === undefined) return undefined;
  const directory = await temporaryDirectory();
  const rootdirectory = join(directory.path, 'registry');
  await writeDistributionLayout(rootdirectory, images);
  const server = await startDockerRegistry(program, {
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory } },
    http: { tls: { certificate: file, key } },
  });
  return {
    url: server.url.replace('http:', 'https:'),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}
