import { join } from 'node:path';

import { startDockerRegistry } from './docker-registry.ts';
import { writeDistributionLayout } from './distribution-layout.ts';
import type { Images } from './images.ts';
import { findProgram, LAYOVER_MAIN } from './programs.ts';
import { temporaryDirectory } from './temporary-directory.ts';

/** A real registry process that holds images, without auth and without tricks: those are {@link Hub}'s. */
export interface RegistryBackend extends AsyncDisposable {
  readonly url: string;
  /** `rootdirectory` of its filesystem driver. */
  readonly rootDirectory: string;
  readonly program: 'docker-registry' | 'layover';
}

/** Debian's `docker-registry` when there is one, else Layover as a plain registry, which is said on stderr. */
export async function startRegistryBackend(images: Images): Promise<RegistryBackend> {
  const directory = await temporaryDirectory();
  const rootDirectory = join(directory.path, 'registry');
  await writeDistributionLayout(rootDirectory, images);
  const found = await findProgram('docker-registry');
  if (found === undefined) sayOnce();
  const command = found ? [found] : [process.execPath, LAYOVER_MAIN];
  const server = await startDockerRegistry(command, backendConfig(rootDirectory));
  return {
    url: server.url,
    rootDirectory,
    program: found ? 'docker-registry' : 'layover',
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

let said = false;

function sayOnce(): void {
  if (!said) console.warn('docker-registry is missing: Layover itself stands in as the upstream registry');
  said = true;
}

function backendConfig(rootdirectory: string) {
  return {
    log: { level: 'warn', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory }, delete: { enabled: true } },
  };
}
