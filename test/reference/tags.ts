import type { Check, Topic } from './check.ts';
import { Registry } from './registry.ts';

const TAGS = ['2j2ar', 'asj9e', 'jyi7b', 'kb0j5', 'sb71y'];

/** The same one for all checks of a registry: its images are pushed once. */
async function withTags(registry: Registry): Promise<Registry> {
  const shared = new Registry(registry.url, 'tags/five');
  const { status } = await shared.send('HEAD', `manifests/${TAGS.at(-1)}`);
  if (status === 404) for (const tag of TAGS) await shared.pushImage(tag);
  return shared;
}

/** One page: status, `Link` and tags. */
async function page(registry: Registry, query: string): Promise<string> {
  const response = await registry.send('GET', `tags/list${query}`);
  const { tags } = (await response.clone().json()) as { tags?: string[] | null };
  const line = await registry.line(response, 'link');
  return `${line} ${tags === undefined ? '' : JSON.stringify(tags)}`.trimEnd();
}

function paged(name: string, query: string, expected: string, setting?: Check['setting']): Check {
  return {
    name: `tags: ${name}`,
    ...(setting && { setting }),
    expected: [expected],
    async observe(registry) {
      return [await page(await withTags(registry), query)];
    },
  };
}

const ALL = `200 link=- ${JSON.stringify(TAGS)}`;
const REFUSED = '400 PAGINATION_NUMBER_INVALID link=-';
const next = (last: string, n: number) => `link=/v2/tags/five/tags/list?last=${last}&n=${n}`;

const checks: readonly Check[] = [
  paged('no query', '', ALL),
  paged('an empty last', '?last=', ALL),
  paged('an empty n', '?n=', ALL),
  paged('both empty', '?last=&n=', ALL),
  paged('n below zero', '?n=-1', REFUSED),
  paged('n that is a word', '?n=foo', REFUSED),
  paged('n with a fraction', '?n=1.5', REFUSED),
  paged('n that is too large for an integer', '?n=99999999999999999999', REFUSED),
  paged('n of zero', '?n=0', '200 link=- []'),
  paged('the first page', '?n=2', `200 ${next('asj9e', 2)} ["2j2ar","asj9e"]`),
  paged('a page in the middle', '?last=asj9e&n=1', `200 ${next('jyi7b', 1)} ["jyi7b"]`),
  paged('the last page', '?last=jyi7b&n=3', '200 link=- ["kb0j5","sb71y"]'),
  paged('a page after the last tag', '?last=sb71y&n=1', '200 link=- []'),
  paged('a page larger than the list', '?n=100', ALL),
  paged('after a tag, without n', '?last=jyi7b', '200 link=- ["kb0j5","sb71y"]'),
  paged('after a tag that does not exist', '?last=does-not-exist&n=2', `200 ${next('kb0j5', 2)} ["jyi7b","kb0j5"]`),
  paged('n above tags.maxtags', '?n=100', `200 ${next('asj9e', 2)} ["2j2ar","asj9e"]`, 'small pages'),
  {
    name: 'tags: a page that ends with the list',
    expected: [`200 link=- ["jyi7b","kb0j5","sb71y"]`],
    async observe(registry) {
      return [await page(await withTags(registry), '?last=does-not-exist&n=3')];
    },
  },
  {
    name: 'tags: an unknown repository',
    expected: ['404 NAME_UNKNOWN', '404 NAME_UNKNOWN'],
    observe: (it) =>
      it.inOrder([
        ['GET', 'tags/list'],
        ['GET', 'tags/list?n=10&last=a'],
      ]),
  },
];

export const tags: Topic = { name: 'tags', covers: ['TestTagsAPI', 'TestTagsAPIMaxTagsClamp'], checks };
