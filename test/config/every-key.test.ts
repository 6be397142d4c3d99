import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { applyEnvironment } from '../../src/config/environment.ts';
import { foreignerOf } from '../../src/config/foreign-variables.ts';
import type { KeyPath } from '../../src/config/problem.ts';
import { configSchema } from '../../src/config/schema/schema.ts';
import { type Shape, shapeOf } from '../../src/config/shape.ts';
import { findUndocumented, withTables } from '../../scripts/config-docs/tables.ts';
import { emptyMap, plainAt, toPlain } from '../../src/config/tree.ts';
import { namesOf } from '../../src/config/variable-names.ts';

const SHAPE = shapeOf(configSchema);

interface Key {
  /** With 0 for each index, and `x-y` for a free name. */
  readonly path: KeyPath;
  readonly shape: Shape;
}

/** Every key of the schema, including sections. */
function keysOf(shape: Shape, path: KeyPath = []): Key[] {
  const self = path.length === 0 ? [] : [{ path, shape }];
  if (shape.kind === 'object') {
    return [...self, ...[...shape.keys].flatMap(([key, child]) => keysOf(child, [...path, key]))];
  }
  if (shape.kind === 'map') return [...self, ...keysOf(shape.value, [...path, 'x-y'])];
  return shape.kind === 'list' ? [...self, ...keysOf(shape.item, [...path, 0])] : self;
}

/** Its variables, by Go's name and by the key's. */
function variablesOf(path: KeyPath): string[] {
  let parents: string[] = [];
  let variables = ['REGISTRY'];
  for (const step of path) {
    const names = typeof step === 'number' ? ['0'] : namesOf(parents, step);
    variables = variables.flatMap((variable) => names.map((name) => `${variable}_${name}`));
    if (typeof step !== 'number') parents = [...parents, step];
  }
  return variables;
}

const SAMPLES: Readonly<Record<Shape['kind'], string>> = { object: '{}', map: '{}', list: '[]', scalar: 'x', any: 'x' };
const PLAIN: Readonly<Record<Shape['kind'], unknown>> = { object: {}, map: {}, list: [], scalar: 'x', any: 'x' };

/** The value of the key after only this variable was applied, and the findings about it. */
function apply(variable: string, { path, shape }: Key) {
  const root = emptyMap({ variable: '' });
  const { problems, warnings, notices } = applyEnvironment(root, { [variable]: SAMPLES[shape.kind] }, SHAPE);
  return { value: plainAt(toPlain(root), path), findings: [...problems, ...warnings, ...notices] };
}

const KEYS = keysOf(SHAPE);
const BY_PATH = new Map(KEYS.map((key) => [documented(key.path), key]));

/** `proxy.upstreams[].name` */
function documented(path: KeyPath): string {
  return path.map((step, i) => (typeof step === 'number' ? '[]' : `${i === 0 ? '' : '.'}${step}`)).join('');
}

const readPage = () => readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8');

/** The keys in the generated tables of a page; those of a list of objects are relative to its entries. */
function documentedKeys(page: string): string[] {
  return [...page.matchAll(/<!-- generated: ([^>]+) -->([^]*?)<!-- end -->/g)].flatMap(
    ([, section = '', rows = '']) => {
      const prefix = section.endsWith('[]') ? `${section}.` : '';
      return [...rows.matchAll(/^\| `([^`]+)`/gm)].map(([, key = '']) => (prefix + key).replace(/(?:\.\*|\[\])+$/, ''));
    },
  );
}

describe('every key of the configuration', () => {
  it('can be set by a variable, by the name in the file and by that of the Go field', () => {
    // `_` separates the keys of a variable, in distribution as well.
    const keys = KEYS.filter(({ path }) => !path.join().includes('_'));
    const unset = keys.flatMap((key) =>
      variablesOf(key.path).filter((variable) => {
        const { value, findings } = apply(variable, key);
        return findings.length > 0 || JSON.stringify(value) !== JSON.stringify(PLAIN[key.shape.kind]);
      }),
    );
    expect(unset).toEqual([]);
    expect(KEYS.length).toBeGreaterThan(350);
    expect(variablesOf(['health', 'file', 0, 'file'])).toEqual([
      'REGISTRY_HEALTH_FILECHECKERS_0_FILE',
      'REGISTRY_HEALTH_FILE_0_FILE',
    ]);
  });

  it('of the documentation is one of them', async () => {
    const keys = documentedKeys(await readPage());
    expect(keys.filter((key) => !BY_PATH.has(key))).toEqual([]);
    expect(keys.length).toBeGreaterThan(190);
    expect(keys).toContain('notifications.endpoints[].ignore.mediatypes');
    expect(keys).toContain('health.tcp[].threshold');
    expect(keys).toContain('proxy.upstreams[].timeouts.idle');
  });

  it('is documented, and the tables are those of the schema (npm run config-docs)', async () => {
    const page = await readPage();
    expect(findUndocumented(page)).toEqual([]);
    expect(page === withTables(page) ? [] : ['docs/configuration.md is not current: npm run config-docs']).toEqual([]);
  });

  it('is never taken for a variable of Kubernetes, whatever its value', () => {
    const values = ['tcp://10.0.0.7:5000', '10.0.0.7', '5000', 'tcp'];
    const mistaken = KEYS.flatMap(({ path }) => variablesOf(path)).filter((name) =>
      values.some((value) => foreignerOf(name, { [name]: value }, SHAPE) !== undefined),
    );
    expect(mistaken).toEqual([]);
  });
});
