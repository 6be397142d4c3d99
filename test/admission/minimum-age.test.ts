import { expect, it } from 'vitest';

import { MinimumAge } from '../../src/admission/minimum-age.ts';
import { Releases } from '../../src/admission/releases.ts';
import type { AgedRule } from '../../src/admission/rule.ts';
import { TagHistories } from '../../src/admission/tag-histories.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { TextTable } from '../../src/usage/text-table.ts';

const HOUR = 3_600_000;
const [a, b, c] = ['a', 'b', 'c'].map((text) => digestOf(Buffer.from(text))) as [
  ReturnType<typeof digestOf>,
  ReturnType<typeof digestOf>,
  ReturnType<typeof digestOf>,
];

function tableInMemory(): TextTable {
  const texts = new Map<string, string>();
  return {
    get: async (key) => texts.get(key),
    set: async (key, text) => void texts.set(key, text),
    remove: async (key) => texts.delete(key),
    async *entries() {
      yield* texts;
    },
  };
}

function ruleWith(onNone: 'refuse' | 'allow'): AgedRule {
  const age = {
    minAgeMs: 72 * HOUR,
    unknown: 'wait',
    digests: 'allow',
    prefetch: false,
    isExempt: () => false,
  } as const;
  return { name: '1', mode: 'enforce', matches: () => true, hash: 'x', age: { ...age, onNone } };
}

/** What a tag is served as, which named the digests an hour each, while the first may be old enough. */
async function served(onNone: 'refuse' | 'allow', { isFirstOfAge }: { readonly isFirstOfAge: boolean }) {
  const histories = new TagHistories({ table: tableInMemory(), onError: (error) => expect.unreachable(String(error)) });
  const events = { held: () => {}, released: () => {}, requested: () => {} };
  let now = 0;
  const age = new MinimumAge({ histories, releases: new Releases(tableInMemory()), events, now: () => now });
  const see = (digest: typeof a) => histories.observe('docker.io/x', '1', { digest, at: now });
  await see(a);
  if (isFirstOfAge) {
    now += 80 * HOUR;
    await see(a);
  }
  for (const digest of [b, c]) {
    now += HOUR;
    await see(digest);
  }
  const question = { repository: 'docker.io/x', tag: '1', digest: c, isConfirmed: true, isExcepted: async () => false };
  return (await age.choose({ ...question, rule: ruleWith(onNone) })).digests;
}

it.each([
  // Whoever pushes c may have removed a and b from the upstream: then nothing is served.
  ['refuse', true, [a]],
  ['allow', true, [a]],
  ['refuse', false, []],
  ['allow', false, [a]],
] as const)(
  'with onnone: %s, the first of age: %s, no digest is served that is not old enough but the first',
  async (onNone, isFirstOfAge, digests) => {
    expect(await served(onNone, { isFirstOfAge })).toEqual(digests);
  },
);
