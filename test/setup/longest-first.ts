import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that run for most of a minute: begun last, they would run alone at the end. */
const LONG = [
  'test/redis/pulling.test.ts',
  'test/redis/connection.test.ts',
  'test/replicas/replicas.test.ts',
  'test/replicas/shared-index.test.ts',
  'test/integration/kill.test.ts',
  'test/integration/index-kills.test.ts',
  'test/integration/stampede.test.ts',
  'test/integration/garbage-collection.test.ts',
  'test/integration/restart.test.ts',
  'test/content/garbage/stress.test.ts',
  'test/retention/storm.test.ts',
  'test/images/interrupted.test.ts',
];

/** The order of Vitest, which knows how long a file took only where it ran before, with the longest files first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => LONG.some((file) => moduleId.endsWith(file));
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
