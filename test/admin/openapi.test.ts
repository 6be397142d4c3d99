import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { renderDocument } from '../../scripts/admin-api/document.ts';
import { DOCUMENT_PATH } from '../../scripts/admin-api/paths.ts';
import { cacheConfig, sharedHub } from '../integration/scene.ts';
import { pull } from '../integration/pulling.ts';
import { pullImage } from '../retention/expiring-cache.ts';
import { Images } from '../support/images.ts';
import { Layover } from '../support/layover.ts';
import { adminCall, adminGet } from './admin-client.ts';
import { type JsonSchema, mismatches } from './schema-check.ts';

interface Operation {
  readonly responses: { readonly 200: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> } };
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

const images = new Images();
const app = images.addImage('library/app', '1', { layers: [4096] });
images.addArtifact('library/app', app, 'application/spdx+json', 'an SBOM');
const multi = images.addIndex('library/multi', '1');
const hub = sharedHub(images);

const ADMIN = join(import.meta.dirname, '../../src/admin');

/** Method and path of each route in the sources. */
async function mountedRoutes(): Promise<string[]> {
  const names = (await readdir(ADMIN)).filter((name) => name.endsWith('routes.ts'));
  const texts = await Promise.all(names.map((name) => readFile(join(ADMIN, name), 'utf8')));
  const mounts = [...texts.join('\n').matchAll(/router\.use\('([^']+)', (create\w+)\(/g)];
  return texts.flatMap((text) => {
    const prefix = mounts.find(([, , create = '']) => text.includes(`export function ${create}(`))?.[1] ?? '';
    return [...text.matchAll(/router\.(get|post|delete|put)\(\s*'([^']+)'/g)].map(([, method = '', path = '']) => {
      const whole = `${prefix}${path === '/' && prefix !== '' ? '' : path}`;
      return `${method.toUpperCase()} ${whole.replace(/[:*](\w+)/g, '{$1}')}`;
    });
  });
}

const QUERIES: Readonly<Record<string, string>> = {
  '/cache/entry': 'name=docker.io/library/app:1',
  '/manifest': 'repository=docker.io/library/app&reference=1',
  '/referrers': `repository=docker.io/library/app&digest=${app.digest}&fetch=1`,
  '/layer': `repository=docker.io/library/app&digest=${app.layers[0]}`,
  '/repositories/{name}/tags': 'all=1',
  '/policy/check': 'name=docker.io/library/app:1',
  '/tag-history': 'name=docker.io/library/app:1',
};
const NAMES: Readonly<Record<string, string>> = {
  '/repositories/{name}/tags': 'docker.io/library/multi',
  '/verify/{nonce}': '0123456789abcdef',
};

async function startUsed(): Promise<Layover> {
  const audit = { keep: '24h' };
  const upstream = { private: { access: 'groups', visibility: 'public' } };
  const policy = { admission: { rules: [{ images: ['docker.io/other/**'], minage: '1h' }] } };
  const layover = await Layover.start({ config: { ...cacheConfig(hub(), { upstream }), audit, policy } });
  await pullImage(layover, 'library/app', { tag: '1', layers: [app.config, ...app.layers] });
  await pullImage(layover, 'library/multi', { tag: '1', layers: [] });
  await pullImage(layover, 'library/multi', { tag: multi.images.amd64.digest, layers: [] });
  await pull(`${layover.url}/v2/library/app/manifests/none`);
  await pull(`${layover.url}/v2/layover-verify/0123456789abcdef/manifests/latest`);
  await adminCall(layover, '/pins', { method: 'POST', body: { pattern: 'docker.io/library/app:1' } });
  await layover.settled();
  return layover;
}

describe('the description of the admin API', () => {
  it('is current (npm run admin-api)', async () => {
    const rendered = JSON.parse(await renderDocument()) as unknown;
    expect(JSON.parse(await readFile(DOCUMENT_PATH, 'utf8'))).toEqual(rendered);
  });

  it('has every route, and no others', async () => {
    const { paths } = JSON.parse(await renderDocument()) as Document;
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect((await mountedRoutes()).toSorted()).toEqual(described.toSorted());
  });

  it('is served, and responses are as it has them', async () => {
    await using layover = await startUsed();
    const { paths, components } = await adminGet<Document>(layover, '/openapi.json');
    const checked: string[] = [];
    for (const [path, { get }] of Object.entries(paths)) {
      const schema = get?.responses[200].content['application/json']?.schema;
      const name = NAMES[path];
      if (!schema || (path.includes('{') && name === undefined)) continue;
      const url = `${path.replace(/\{\w+\}/, name ?? '')}?${QUERIES[path] ?? ''}`;
      const { status, body } = await adminCall(layover, url);
      expect([path, status, mismatches(body, schema, components.schemas)]).toEqual([path, 200, []]);
      checked.push(path);
    }
    expect(checked.length).toBeGreaterThan(25);
  });
});
