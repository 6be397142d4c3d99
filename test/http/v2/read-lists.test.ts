import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { Manifest } from '../../support/images.ts';
import { ask, errorOf, json } from './ask.ts';
import {
  app,
  DEEP,
  docker,
  LONG_NAME,
  type ReadScene,
  sbom,
  signature,
  startReadScene,
  TAGS,
  unknown,
} from './read-scene.ts';

let scene: ReadScene;
let v2: string;

beforeAll(async () => {
  scene = await startReadScene();
  v2 = `${scene.layover.url}/v2`;
});

afterAll(() => scene[Symbol.asyncDispose]());

/** Every page, following `Link` from the first. */
async function pages(path: string): Promise<unknown[]> {
  const found: unknown[] = [];
  for (let next: string | undefined = path; next !== undefined; ) {
    const response = await ask(`${scene.layover.url}${next}`);
    expect(response.status).toBe(200);
    found.push(json(response));
    const { link } = response.headers;
    next = link === undefined ? undefined : /^<(\/[^>]+)>; rel="next"$/.exec(String(link))?.[1];
    if (link !== undefined) expect(next).toMatch(/[?&]ns=registry\.example(&|$)/);
  }
  return found;
}

describe('the tags of a repository', () => {
  it('come all at once, in order', async () => {
    const response = await ask(`${v2}/many/tags/list`);
    expect(json(response)).toEqual({ name: 'many', tags: TAGS });
    expect(response.headers).not.toHaveProperty('link');
  });

  it('come in pages that lead to each other and keep the ns parameter', async () => {
    expect(await pages('/v2/many/tags/list?ns=registry.example&n=3')).toEqual([
      { name: 'many', tags: ['v0', 'v1', 'v2'] },
      { name: 'many', tags: ['v3', 'v4', 'v5'] },
      { name: 'many', tags: ['v6'] },
    ]);
  });

  it.each([
    ['n=0', []],
    ['n=0&last=v3', []],
    ['last=v4', ['v5', 'v6']],
    ['last=v44', ['v5', 'v6']],
    ['n=1&last=v4', ['v5']],
    ['n=7', TAGS],
    ['n=999999999', TAGS],
    ['n=', TAGS],
    ['last=z', []],
  ])('with ?%s', async (query, tags) => {
    expect(json(await ask(`${v2}/many/tags/list?${query}`))).toEqual({ name: 'many', tags });
  });

  it('are listed for a name that looks like endpoints', async () => {
    expect(json(await ask(`${v2}/${DEEP}/tags/list/`))).toEqual({ name: DEEP, tags: ['list'] });
  });

  it('of an unknown repository are an error', async () => {
    expect(errorOf(await ask(`${v2}/nobody/tags/list`))).toEqual([404, 'NAME_UNKNOWN']);
  });

  it.each(['-1', 'x', '1.5', '1e3', '0x1', '%00'])('are refused for n=%s', async (n) => {
    for (const path of ['many/tags/list', '_catalog']) {
      expect(errorOf(await ask(`${v2}/${path}?n=${n}`))).toEqual([400, 'PAGINATION_NUMBER_INVALID']);
    }
  });
});

describe('the catalog', () => {
  const ALL = [DEEP, 'many', LONG_NAME, 'team/app'];

  it('lists every repository', async () => {
    expect(json(await ask(`${v2}/_catalog`))).toEqual({ repositories: ALL });
    expect(json(await ask(`${v2}/_catalog/?n=0`))).toEqual({ repositories: [] });
    expect(json(await ask(`${v2}/_catalog?last=many`))).toEqual({ repositories: [LONG_NAME, 'team/app'] });
  });

  it('comes in pages that lead to each other', async () => {
    expect(await pages('/v2/_catalog?n=3&ns=registry.example')).toEqual([
      { repositories: ALL.slice(0, 3) },
      { repositories: ALL.slice(3) },
    ]);
  });

  it('refuses pages beyond its limit', async () => {
    expect(errorOf(await ask(`${v2}/_catalog?n=1001`))).toEqual([400, 'PAGINATION_NUMBER_INVALID']);
  });
});

describe('HEAD', () => {
  it.each(['many/tags/list', '_catalog', `team/app/referrers/${app.digest}`])(
    'of %s has the headers of GET',
    async (path) => {
      const got = await ask(`${v2}/${path}`);
      const { status, headers, body } = await ask(`${v2}/${path}`, { method: 'HEAD' });
      expect([status, body.length]).toEqual([200, 0]);
      expect(headers['content-length']).toBe(String(got.body.length));
      expect(headers['content-type']).toBe(got.headers['content-type']);
    },
  );
});

describe('the referrers of a manifest', () => {
  const INDEX = 'application/vnd.oci.image.index.v1+json';
  const listed = ({ digest, mediaType, bytes }: Manifest, artifactType: string) => ({
    digest,
    mediaType,
    size: bytes.length,
    artifactType,
  });
  const all = [
    listed(signature, 'application/vnd.example.signature'),
    listed(sbom, 'application/vnd.example.sbom'),
  ].sort((a, b) => (a.digest < b.digest ? -1 : 1));

  it('come as an index', async () => {
    const response = await ask(`${v2}/team/app/referrers/${app.digest}`);
    expect(response.headers['content-type']).toBe(INDEX);
    expect(response.headers).not.toHaveProperty('oci-filters-applied');
    expect(json(response)).toEqual({ schemaVersion: 2, mediaType: INDEX, manifests: all });
  });

  it('come of one type only, when it is requested', async () => {
    const [artifactType] = ['application/vnd.example.sbom'];
    const url = `${v2}/team/app/referrers/${app.digest}?artifactType=${encodeURIComponent(artifactType)}`;
    const response = await ask(url);
    expect(response.headers['oci-filters-applied']).toBe('artifactType');
    expect(json(response)).toMatchObject({ manifests: [listed(sbom, artifactType)] });
  });

  it.each([`team/app/referrers/${docker.digest}`, `team/app/referrers/${unknown}`, `nobody/referrers/${app.digest}`])(
    'are an empty index where there are none: %s',
    async (path) => {
      const response = await ask(`${v2}/${path}`);
      expect([response.status, json(response)]).toEqual([200, { schemaVersion: 2, mediaType: INDEX, manifests: [] }]);
    },
  );

  it('of an invalid digest are an error', async () => {
    expect(errorOf(await ask(`${v2}/team/app/referrers/1`))).toEqual([400, 'DIGEST_INVALID']);
  });
});
