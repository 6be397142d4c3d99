import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { runProgram } from '../support/processes.ts';
import { findProgram, whyNotBuilt } from '../support/programs.ts';
import { type TemporaryDirectory, temporaryDirectory } from '../support/temporary-directory.ts';
import { CASES, HELMS, valuesOf } from './helm.ts';
import { loadSources, schemaLocation, writeSchemas } from './kubernetes-schemas.ts';

const kubeconform = await findProgram('kubeconform');
const sources = await loadSources();
if (kubeconform === undefined)
  console.warn(`skipped: no kubeconform: ${(await whyNotBuilt('kubeconform')) ?? 'npm run test:chart builds it'}`);
for (const name of ['kubernetes', 'gatewayApi', 'certManager', 'monitoring'] as const)
  if (sources[name] === undefined) console.warn(`skipped: objects of ${name}: its schemas are missing`);

const hasAllSources = Object.keys(sources).length === 4;
const canCheck = kubeconform !== undefined && sources.kubernetes !== undefined;

describe.runIf(canCheck)('strict schemas of Kubernetes and of CRDs', () => {
  let schemas: TemporaryDirectory;
  beforeAll(async () => {
    schemas = await temporaryDirectory();
    await writeSchemas(sources, schemas.path);
  });
  afterAll(() => schemas[Symbol.asyncDispose]());

  /** @returns what kubeconform reports */
  async function check(text: string) {
    const file = join(schemas.path, 'objects.yaml');
    await writeFile(file, text);
    const lenient = hasAllSources ? [] : ['-ignore-missing-schemas'];
    const args = ['-strict', '-summary', ...lenient, '-schema-location', schemaLocation(schemas.path), file];
    return (await runProgram(kubeconform ?? '', args)).stdout;
  }

  describe.each(HELMS)('$name', (helm) => {
    it.each(CASES)('accept %s', async (name) => {
      const report = await check(await helm.template('--values', valuesOf(name)));
      expect(report).toMatch(hasAllSources ? /Invalid: 0, Errors: 0, Skipped: 0/ : /Invalid: 0, Errors: 0/);
    });
  });

  it('refuse an unknown field, a wrong type and a label that YAML made a boolean', async () => {
    const claim = (spec: string, label = "'y'") =>
      `apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: { name: a, labels: { a: ${label} } }\nspec: ${spec}\n`;
    await expect(check(claim('{ accessModes: [ReadWriteOnce] }'))).resolves.toContain('Invalid: 0');
    await expect(check(claim('{ accessMode: [ReadWriteOnce] }'))).rejects.toThrow(/accessMode/);
    await expect(check(claim('{ accessModes: ReadWriteOnce }'))).rejects.toThrow(/accessModes/);
    await expect(check(claim('{}', 'true'))).rejects.toThrow(/labels/);
  });
});
