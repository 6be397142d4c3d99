import type { Check, Topic } from './check.ts';
import { Registry } from './registry.ts';

const LETTERS = ['a', 'b', 'c', 'd', 'e', 'f'];

/** Repositories of these checks are the first ones of the catalogue: the rest of the list is left out. */
async function page(registry: Registry, query: string): Promise<string> {
  const response = await registry.send('GET', `/v2/_catalog${query}`);
  const { repositories } = (await response.clone().json()) as { repositories?: string[] };
  return `${await registry.line(response, 'link')} ${(repositories ?? []).join(',')}`.trimEnd();
}

/** Once for all checks of a registry. */
async function pushAll(url: string): Promise<void> {
  const all = LETTERS.map((letter) => new Registry(url, `0/${letter}`));
  const { status } = (await all.at(-1)?.send('HEAD', 'manifests/1')) ?? {};
  if (status === 404) for (const registry of all) await registry.pushImage('1');
}

function paged(name: string, query: string, expected: string): Check {
  return {
    name: `catalogue: ${name}`,
    setting: 'small pages',
    expected: [expected],
    async observe(registry) {
      await pushAll(registry.url);
      return [await page(registry, query)];
    },
  };
}

const next = (last: string, n: number) => `link=/v2/_catalog?last=${encodeURIComponent(last)}&n=${n}`;
const FIVE = `200 ${next('0/e', 5)} 0/a,0/b,0/c,0/d,0/e`;
const REFUSED = '400 PAGINATION_NUMBER_INVALID link=-';

const checks: readonly Check[] = [
  paged('no n: as many as catalog.maxentries', '', FIVE),
  paged('n of catalog.maxentries', '?last=&n=5', FIVE),
  paged('a smaller n', '?n=2', `200 ${next('0/b', 2)} 0/a,0/b`),
  paged('the page after', '?last=0/b&n=2', `200 ${next('0/d', 2)} 0/c,0/d`),
  paged('after a name that does not exist', '?last=0/bb&n=2', `200 ${next('0/d', 2)} 0/c,0/d`),
  paged('after the last name', '?last=zzz&n=2', '200 link=-'),
  paged('n above catalog.maxentries', '?n=6', REFUSED),
  paged('n far above catalog.maxentries', '?n=100000', REFUSED),
  paged('n of zero', '?n=0', '200 link=-'),
  paged('n below zero', '?n=-1', REFUSED),
  paged('n that is a word', '?n=foo', REFUSED),
  paged('an empty n', '?n=', FIVE),
];

export const catalog: Topic = { name: 'catalogue', covers: ['TestCatalogAPI'], checks };
