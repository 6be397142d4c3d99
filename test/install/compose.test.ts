import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { loadConfig } from '../../src/config/load.ts';
import { runProgram } from '../support/processes.ts';
import { ROOT } from './built-packages.ts';
import { findCompose } from './compose-program.ts';

interface Service {
  readonly image: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly volumes?: readonly string[];
  readonly read_only?: boolean;
}

const DIRECTORY = join(ROOT, 'packaging/compose');
const FILES = (await readdir(DIRECTORY)).filter((name) => name.endsWith('.yml'));
/** Those that have no default in the files. */
const VARIABLES = {
  S3_BUCKET: 'images',
  S3_REGION: 'eu-central-1',
  S3_ACCESS_KEY: 'key',
  S3_SECRET_KEY: 'secret',
  LAYOVER_SECRET: 'random',
};

const compose = await findCompose();
if (compose === undefined)
  console.warn('skipped: reading the files by compose: this machine has neither docker compose nor docker-compose');

describe.each(FILES)('packaging/compose/%s', (name) => {
  it('configures Layover without a warning, and mounts files that exist', async () => {
    const text = await readFile(join(DIRECTORY, name), 'utf8');
    const { services } = parse(text, { merge: true }) as { services: Readonly<Record<string, Service>> };
    const layovers = Object.values(services).filter(({ image }) => image === '${LAYOVER_IMAGE:-layover:latest}');
    expect(layovers.length).toBeGreaterThan(0);
    for (const { environment = {}, healthcheck, read_only: isReadOnly } of layovers) {
      const env = Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, substituted(value)]));
      const { warnings } = await loadConfig({ file: join(ROOT, 'config/docker.yml'), env });
      expect(warnings).toEqual([]);
      expect(healthcheck?.test).toEqual(['CMD', 'layover', 'healthcheck']);
      expect(isReadOnly).toBe(true);
    }
    const mounted = Object.values(services).flatMap(({ volumes = [] }) => volumes);
    for (const volume of mounted) {
      if (!volume.startsWith('../')) continue;
      await expect(readFile(join(DIRECTORY, volume.split(':')[0] ?? ''))).resolves.toBeDefined();
    }
  });

  it.skipIf(compose === undefined)('is read by compose', async () => {
    const [program = '', ...args] = compose ?? [];
    const reading = runProgram(program, [...args, '--file', join(DIRECTORY, name), 'config', '--quiet'], {
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...VARIABLES },
    });
    await expect(reading).resolves.toBeDefined();
  });
});

/** As compose replaces `${NAME:?reason}`. */
function substituted(value: string): string {
  const variables: Readonly<Record<string, string>> = VARIABLES;
  return value.replaceAll(/\$\{(\w+):\?[^}]*\}/g, (_, name: string) => variables[name] ?? '');
}
