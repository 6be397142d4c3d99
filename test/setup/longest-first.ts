import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Files that run for most of a minute: begun last, they would run alone at the end. */
const LONG = [
  'test/redis/pulling.faults.test.ts',
  'test/redis/connection.faults.test.ts',
  'test/replicas/replicas.faults.test.ts',
  'test/replicas/shared-index.faults.test.ts',
  'test/integration/kill.faults.test.ts',
  'test/integration/index-kills.faults.test.ts',
  'test/integration/stampede.faults.test.ts',
  'test/integration/garbage-collection.test.ts',
  'test/integration/restart.faults.test.ts',
  'test/content/garbage/stress.faults.test.ts',
  'test/retention/storm.faults.test.ts',
  'test/images/interrupted.faults.test.ts',
];

/** The order of Vitest, which knows how long a file took only where it ran before, with the longest files first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => LONG.some((file) => moduleId.endsWith(file));
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
