import type { Check, Topic } from './check.ts';

/** GET of a tag in a repository of that name. No response may come from a repository, and none may fail. */
function refused(name: string, repository: string): Check {
  return {
    name: `names: ${name}`,
    expected: ['4xx', '4xx'],
    async observe(it) {
      const lines = await it.inOrder([
        ['GET', `/v2/${repository}/manifests/1`],
        ['POST', `/v2/${repository}/blobs/uploads/`],
      ]);
      return lines.map((line) => line.replace(/^4\d\d.*/, '4xx'));
    },
  };
}

const checks: readonly Check[] = [
  refused('upper case', 'Team/App'),
  refused('Unicode', encodeURIComponent('ünï/cödé')),
  refused('an escaped dot', '%2e%2e/app'),
  refused('256 characters', 'a'.repeat(256)),
  refused('an underscore in front', '_team/app'),
  refused('three underscores', 'team/a___b'),
  {
    name: 'names: separators, and 255 characters',
    expected: ['202', '202', '202'],
    observe: (it) =>
      it.inOrder(
        [`${it.repository}/a.b__c--d`, `${it.repository}/e/f/g/h/i`, `${it.repository}/`.padEnd(255, 'x')].map(
          (name) => ['POST', `/v2/${name}/blobs/uploads/`] as const,
        ),
      ),
  },
];

export const names: Topic = { name: 'names', covers: [], checks };
