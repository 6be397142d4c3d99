import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll } from 'vitest';

import type { Signer } from '../signatures/material.ts';
import type { Hub } from '../support/hub.ts';
import { type ConfigObject, Layover, type LayoverOptions } from '../support/layover.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../support/temporary-directory.ts';
import { type AskOptions, pull } from './pulling.ts';
import { cacheConfig } from './scene.ts';

export interface AdmissionOptions extends Omit<LayoverOptions, 'config'> {
  readonly rules: readonly ConfigObject[];
  /** More for `policy.admission`. */
  readonly admission?: ConfigObject;
  readonly proxy?: ConfigObject;
  readonly upstream?: ConfigObject;
}

/** Starts caches with rules, in which `acme` is the authority with the signer's key. Call it outside of tests. */
export function withAuthority(hub: () => Hub, signer: Pick<Signer, 'pem'>) {
  let keys: TemporaryDirectory;
  beforeAll(async () => {
    keys = await temporaryDirectory();
    await writeFile(join(keys.path, 'acme.pub'), signer.pem);
    return () => keys[Symbol.asyncDispose]();
  });
  const configOf = ({ rules, admission = {}, proxy = {}, upstream = {} }: AdmissionOptions): ConfigObject => {
    const authorities = [{ name: 'acme', keys: [join(keys.path, 'acme.pub')] }];
    return { ...cacheConfig(hub(), { proxy, upstream }), policy: { admission: { authorities, rules, ...admission } } };
  };
  return {
    configOf,
    start: ({ rules, admission, proxy, upstream, ...options }: AdmissionOptions) =>
      Layover.start({
        ...options,
        config: configOf({
          rules,
          ...(admission && { admission }),
          ...(proxy && { proxy }),
          ...(upstream && { upstream }),
        }),
      }),
  };
}

export const manifestUrl = ({ url }: Pick<Layover, 'url'>, name: string, reference: string) =>
  `${url}/v2/${name}/manifests/${reference}`;

export const blobUrl = ({ url }: Pick<Layover, 'url'>, name: string, digest: string) =>
  `${url}/v2/${name}/blobs/${digest}`;

export const statusOf = async (url: string, options: AskOptions = {}) => (await pull(url, options)).status;
