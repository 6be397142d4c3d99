import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Test functions of distribution whose subject a client cannot see, or that other tests of ours cover. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ['TestAppendAccessRecords', 'the rights that a request needs: test/integration/authorization.test.ts'],
  ['TestErrcodeErrorsFor', 'internal to distribution; every check compares codes and statuses'],
  ['TestFileHealthCheck', 'health checks: test/health/health.test.ts'],
  ['TestTCPHealthCheck', 'health checks: test/health/health.test.ts'],
  ['TestHTTPHealthCheck', 'health checks: test/health/health.test.ts'],
]);

/**
 * Test functions of distribution's handlers that nothing here is about. Its files are read as text, and nothing in them is run.
 *
 * @param checkout root of a checkout of distribution
 * @throws {Error} `ENOENT` when it has no `registry/handlers`
 */
export async function withoutCounterpart(checkout: string, covered: readonly string[]): Promise<readonly string[]> {
  const folder = join(checkout, 'registry/handlers');
  const files = (await readdir(folder)).filter((name) => name.endsWith('_test.go'));
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  const names = texts.flatMap((text) => text.match(/(?<=^func )Test\w+/gm) ?? []);
  return names.filter((name) => !covered.includes(name) && !ELSEWHERE.has(name));
}
