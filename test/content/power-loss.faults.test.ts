import { describe, expect, it } from 'vitest';

import { blobDataPath, layerLinkPath, tagLinkPath } from '../../src/content/paths.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { arbitrary, type LeftFiles, NAMES_AND_SIZES, ONLY_SYNCED } from '../support/power-loss/disk-model.ts';
import { whyNoJournal } from '../support/power-loss/journal.ts';
import {
  imageFor,
  missingOf,
  modelsAfter,
  OTHER_REPOSITORY,
  type Recorded,
  recordSteps,
  REPOSITORY,
} from './recorded-content.ts';

const SEEDS = Array.from({ length: 20 }, (_, seed) => seed);

const reason = await whyNoJournal();
if (reason !== undefined) console.warn(`tests of power failures are skipped: ${reason}`);

describe.skipIf(reason !== undefined)('a power failure', () => {
  it.each([
    ['pushed', ['upload:one', 'upload:two', 'push:one', 'push:two']],
    ['pulled', ['upload:one', 'upload:two', 'push:one', 'pull:two']],
  ])('while a tag is %s again leaves the tag as it was or as it becomes, with its manifest', async (_, steps) => {
    const recorded = await recordSteps([steps]);
    for (const { left, when } of statesAfter(recorded, 'push:one')) {
      const name = imageOfTag(left);
      expect(name, when).toBeOneOf(['one', 'two']);
      expect(missingOf(name ?? '', left), when).toEqual([]);
    }
  });

  it.each([
    ['was not acknowledged', [['fail:directories', 'upload:one', 'fail:', 'push:one']]],
    ['was not acknowledged before a restart', [['fail:directories', 'upload:one'], ['push:one']]],
    ['another process has stored again', [['upload:one', 'recreate:one', 'push:one']]],
    [
      'another process has stored again, and was pushed again',
      [['upload:one', 'recreate:one', 'upload:one', 'push:one']],
    ],
  ])('leaves an image that was pushed after its blob, which %s', async (_, processes) => {
    const recorded = await recordSteps(processes);
    for (const { left, when } of statesAfter(recorded, 'push:one')) {
      expect(imageOfTag(left), when).toBe('one');
      expect(missingOf('one', left), when).toEqual([]);
    }
  });

  it('leaves an image that was pushed again, because the push before was not acknowledged', async () => {
    const recorded = await recordSteps([
      ['upload:one', 'fail:directories', 'push:one'],
      ['fail:', 'push:one'],
    ]);
    expect(recorded.ends.find(({ step }) => step === 'push:one')?.error).toContain('EIO');
    for (const { left, when } of statesAfter(recorded, 'push:one')) {
      expect(imageOfTag(left), when).toBe('one');
      expect(missingOf('one', left), when).toEqual([]);
    }
  });

  it('leaves a durable image that is pushed again with durability relaxed', async () => {
    const recorded = await recordSteps([['upload:one', 'push:one', 'relaxed:', 'upload:one', 'push:one']]);
    for (const { left, when } of statesAfter(recorded, 'relaxed:')) {
      expect(imageOfTag(left), when).toBe('one');
      expect(missingOf('one', left), when).toEqual([]);
    }
  });

  it('leaves the bytes of a pulled blob whole, when they were pushed with durability relaxed', async () => {
    const recorded = await recordSteps([['relaxed:', 'upload:one', 'link:one']]);
    const digest = digestOf(Buffer.from('one'));
    let linked = 0;
    for (const { left, when } of statesAfter(recorded, 'relaxed:')) {
      if (!left.read(layerLinkPath(OTHER_REPOSITORY, digest))) continue;
      expect(String(left.read(blobDataPath(digest))), when).toBe('one');
      linked++;
    }
    expect(linked).toBeGreaterThan(0);
  });
});

describe.skipIf(reason !== undefined)('bytes whose sync failed are not stored by a retry whose sync succeeds', () => {
  it.each(['finish', 'commit'])('%s', async (step) => {
    const { ends } = await recordSteps([['fail:files', `${step}:one`, 'fail:', `${step}:one`]]);
    const [first, second] = ends.filter((end) => end.step === `${step}:one`);
    expect(first?.error).toContain('EIO');
    expect(second?.error).toMatch(/no such (path|file)/);
  });
});

/** What may be left by a power failure at any moment after the last such step, which succeeds. */
function* statesAfter(recorded: Recorded, step: string): Generator<{ left: LeftFiles; when: string }> {
  const end = recorded.ends.findLast((each) => each.step === step);
  expect(end).toEqual({ step, position: expect.any(Number) });
  let moment = 0;
  for (const model of modelsAfter(recorded, end?.position ?? 0)) {
    moment++;
    for (const [i, freedom] of [ONLY_SYNCED, NAMES_AND_SIZES, ...SEEDS.map(arbitrary)].entries())
      yield { left: model.left(freedom), when: `moment ${moment}, freedom ${i}` };
  }
}

function imageOfTag(left: LeftFiles): string | undefined {
  const digest = String(left.read(tagLinkPath(REPOSITORY, 'latest')));
  return ['one', 'two'].find((name) => imageFor(name).digest === digest);
}
