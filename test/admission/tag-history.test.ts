import { describe, expect, it } from 'vitest';

import {
  type AgeQuestion,
  chooseByAge,
  MAX_SEEN,
  type TagHistory,
  withObservation,
} from '../../src/admission/tag-history.ts';
import { type Digest, digestOf } from '../../src/oci/digest.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const digest = (text: string) => digestOf(Buffer.from(text));
const [a, b, c] = [digest('a'), digest('b'), digest('c')];

/** @param seen digest and hour of each observation */
const historyOf = (...seen: readonly (readonly [digest: Digest, hour: number])[]): TagHistory =>
  seen.reduce<TagHistory>((history, [named, hour]) => withObservation(history, named, hour * HOUR), []);

const choose = (history: TagHistory, question: Partial<AgeQuestion> = {}) =>
  chooseByAge(history, {
    current: history.at(-1)?.digest ?? a,
    isConfirmed: true,
    minAgeMs: 3 * DAY,
    unknown: 'wait',
    now: 0,
    ...question,
  });

describe('the digests that a tag has named for long enough', () => {
  it('are the newest that it has named for so long, and not one that it named for a shorter time', () => {
    const history = historyOf([a, 0], [a, 30 * 24], [b, 30 * 24 + 1], [b, 32 * 24], [c, 32 * 24 + 1]);
    const now = 33 * DAY;
    expect(choose(history, { now })).toEqual({ ofAge: [a], heldUntil: (32 * 24 + 1) * HOUR + 3 * DAY });
    expect(choose(history, { now: 36 * DAY })).toEqual({ ofAge: [c, a] });
  });

  it('do not have one that was only seen once, however long ago', () => {
    const history = historyOf([a, 0], [a, 100], [b, 101], [c, 500]);
    expect(choose(history, { now: 501 * HOUR }).ofAge).toEqual([a]);
  });

  it('do not have the current one while the upstream cannot confirm it', () => {
    const history = historyOf([a, 0], [a, 100], [b, 101]);
    expect(choose(history, { now: 200 * HOUR, isConfirmed: false }).ofAge).toEqual([a]);
    expect(choose(history, { now: 200 * HOUR }).ofAge).toEqual([b, a]);
  });

  it('have one that the tag names again', () => {
    const history = historyOf([a, 0], [a, 100], [b, 101], [a, 102]);
    expect(choose(history, { now: 102 * HOUR })).toEqual({ ofAge: [a] });
  });

  it('have the first one of all when that is allowed', () => {
    const history = historyOf([a, 0]);
    expect(choose(history, { now: HOUR })).toEqual({ ofAge: [], heldUntil: 3 * DAY });
    expect(choose(history, { now: HOUR, unknown: 'allow' })).toEqual({ ofAge: [a] });
    expect(choose(historyOf([a, 0], [b, 1]), { now: HOUR, unknown: 'allow' }).ofAge).toEqual([a]);
  });

  it('become no older by a clock that is set back', () => {
    const history = historyOf([a, 0], [a, 100], [b, 101], [c, 2]);
    expect(history.at(-1)).toMatchObject({ digest: c, firstSeen: 101 * HOUR });
    expect(choose(history, { now: 103 * HOUR }).ofAge).toEqual([a]);
    expect(choose(history, { now: 2 * HOUR }).ofAge).toEqual([a]);
  });

  it('are not displaced by many that the tag named for a short time', () => {
    const many = Array.from({ length: 60 }, (_, i) => [digest(`${i}`), 101 + i] as const);
    const history = historyOf([a, 0], [a, 100], ...many);
    expect(history).toHaveLength(MAX_SEEN);
    expect(choose(history, { now: 161 * HOUR }).ofAge).toEqual([a]);
  });
});
