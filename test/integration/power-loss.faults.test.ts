import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { seededContent } from '../support/content.ts';
import { Images } from '../support/images.ts';
import { readVisibleBlobs } from '../support/data-directory.ts';
import { type ConfigObject, Layover } from '../support/layover.ts';
import {
  arbitrary,
  DiskModel,
  type Freedom,
  type LeftFiles,
  NAMES_AND_SIZES,
  NAMES_WITHOUT_BYTES,
  ONLY_SYNCED,
} from '../support/power-loss/disk-model.ts';
import { type Entry, startJournal, whyNoJournal } from '../support/power-loss/journal.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { lossesIn, wrongBytesIn } from './left-content.ts';
import { pull } from './pulling.ts';
import { send } from './pushing.ts';
import { PushStorm } from './push-storm.ts';
import { cacheConfig, sharedHub } from './scene.ts';
import { expectNothingBroken } from './stored-data.ts';

/** Of a run. The time to check every moment grows with its square. */
const ACKNOWLEDGED = 45;
/** At every moment, other ones each time. */
const SEEDS_PER_MOMENT = 2;
/** What a disk may leave. A registry is started on each, with the power failing at another moment. */
const FREEDOMS: Readonly<Record<string, Freedom>> = {
  'keeps only what was synced': ONLY_SYNCED,
  'keeps all names, and only synced bytes': NAMES_WITHOUT_BYTES,
  'keeps all names and sizes, with zeros': NAMES_AND_SIZES,
  'keeps anything': arbitrary(1),
};
const SECRET = { http: { secret: 'the same after the restart' } };

const images = new Images();
const cached = new Map<string, string>();
for (let i = 0; i < 20; i++) {
  const { digest } = images.addBlob('library/one', seededContent(`power/${i}`, 500 + 4_001 * i));
  cached.set(`library/one/blobs/${digest}`, digest);
}
for (let i = 0; i < 8; i++) {
  const { digest } = images.addImage('library/one', `v${i}`);
  cached.set(`library/one/manifests/v${i}`, digest);
}

const reason = await whyNoJournal();
if (reason !== undefined) console.warn(`tests of power failures are skipped: ${reason}`);

describe.skipIf(reason !== undefined)('after a power failure on a disk that', () => {
  const hub = sharedHub(images);

  it('fails at any moment, everything acknowledged is in the files, and is served', { timeout: 300_000 }, async () => {
    const { entries, storm } = await recordPushes();
    const sent = [...storm.sent.values()].map(({ digest }) => digest);
    for (const { left, moment, when } of statesOf(entries)) {
      expect(lossesIn(left, storm, moment), when).toEqual([]);
      expect(wrongBytesIn(left, sent), when).toEqual([]);
    }
    for (const { name, freedom, moment } of failuresOf(storm.acknowledged.map(({ mark }) => mark))) {
      await using left = await temporaryDirectory();
      await modelAt(entries, moment).writeTo(left.path, freedom);
      await expectNoWrongBytes(left.path, `${name}, at ${moment}`);
      await using layover = await Layover.start({ config: SECRET, dataDirectory: left.path });
      await expectPushed(layover, storm, moment);
    }
  });

  it('keeps only what was synced, pushes are lost with durability relaxed', { timeout: 100_000 }, async () => {
    const { entries, storm } = await recordPushes({ storage: { filesystem: { durability: 'relaxed' } } });
    await using left = await temporaryDirectory();
    await modelAt(entries, Infinity).writeTo(left.path, ONLY_SYNCED);
    await using layover = await Layover.start({ config: SECRET, dataDirectory: left.path });
    // Otherwise the tests above would prove nothing.
    const paths = [...storm.acknowledged.map(({ path }) => path), ...storm.tags.keys()];
    for (const path of paths) expect(await pull(`${layover.url}/v2/${path}`), path).toMatchObject({ status: 404 });
  });

  it('keeps only what was synced, a pulled blob that was mounted is there', { timeout: 100_000 }, async () => {
    const [path = '', digest] = [...cached][0] ?? [];
    const config = { ...cacheConfig(hub(), { proxy: { hosted: ['mine/**'] } }), ...SECRET };
    await using data = await temporaryDirectory();
    await using journal = await startJournal(data.path);
    await using recorded = await Layover.startProcess({ config, env: journal.env, dataDirectory: data.path });
    expect(await pull(`${recorded.url}/v2/${path}`)).toMatchObject({ status: 200, digest });
    await recorded.settled();
    const mounted = `mine/app/blobs/uploads/?mount=${digest}&from=library/one`;
    expect((await send('POST', `${recorded.url}/v2/${mounted}`)).status).toBe(201);
    const moment = await journal.position();
    await using left = await temporaryDirectory();
    await modelAt(await journal.read(), moment).writeTo(left.path, ONLY_SYNCED);
    await using layover = await Layover.start({ config, dataDirectory: left.path });
    expect(await pull(`${layover.url}/v2/mine/app/blobs/${digest}`)).toMatchObject({ status: 200, digest });
  });

  it('keeps only some of a pull, nothing is broken, and the rest is fetched again', { timeout: 300_000 }, async () => {
    await using data = await temporaryDirectory();
    await using journal = await startJournal(data.path);
    const config = cacheConfig(hub(), { upstream: { tags: { ttl: '0s', rules: [] } } });
    const marks: number[] = [];
    {
      await using layover = await Layover.startProcess({ config, env: journal.env, dataDirectory: data.path });
      for (const path of [...cached.keys(), ...cached.keys()]) {
        await pull(`${layover.url}/v2/${path}`);
        marks.push(await journal.position());
      }
      await layover.kill('SIGKILL');
    }
    const entries = await journal.read();
    for (const { left, when } of statesOf(entries)) expect(wrongBytesIn(left, cached.values()), when).toEqual([]);
    for (const { name, freedom, moment } of failuresOf(marks)) {
      await using left = await temporaryDirectory();
      await modelAt(entries, moment).writeTo(left.path, freedom);
      await expectNoWrongBytes(left.path, `${name}, at ${moment}`);
      await using layover = await Layover.start({ config, dataDirectory: left.path });
      for (const [path, digest] of cached)
        expect(await pull(`${layover.url}/v2/${path}`), path).toMatchObject({ status: 200, complete: true, digest });
      await expectNothingBroken(layover);
    }
  });
});

async function recordPushes(more: ConfigObject = {}) {
  await using data = await temporaryDirectory();
  await using journal = await startJournal(data.path);
  const config = { ...SECRET, ...more };
  await using layover = await Layover.startProcess({ config, env: journal.env, dataDirectory: data.path });
  const storm = new PushStorm(layover.url, journal.position);
  const clients = Promise.all(['team/a', 'team/b', 'other/c'].map((repository) => storm.run(repository)));
  await expect.poll(() => storm.acknowledged.length, { timeout: 60_000 }).toBeGreaterThan(ACKNOWLEDGED);
  await layover.kill('SIGKILL');
  await clients;
  return { entries: await journal.read(), storm };
}

/** What may be left by a power failure, after each entry of a journal. */
function* statesOf(entries: readonly Entry[]): Generator<{ left: LeftFiles; moment: number; when: string }> {
  const model = new DiskModel();
  let seed = 0;
  for (const entry of entries) {
    model.apply(entry);
    if (entry.kind === 'begin') continue; // nothing has changed
    const seeds = Array.from({ length: SEEDS_PER_MOMENT }, () => ++seed);
    for (const freedom of [ONLY_SYNCED, NAMES_AND_SIZES, ...seeds.map(arbitrary)])
      yield { left: model.left(freedom), moment: entry.at, when: `at ${entry.at}, seed ${seed}` };
  }
}

/** Moments between two acknowledgements, where more is under way than at one of them; at last after all. */
function failuresOf(marks: readonly number[]): { name: string; freedom: Freedom; moment: number }[] {
  const freedoms = Object.entries(FREEDOMS);
  return freedoms.map(([name, freedom], i) => {
    const at = Math.floor(((i + 1) * (marks.length - 1)) / freedoms.length);
    const [before = 0, after = 0] = [marks[at - 1], marks[at]];
    const moment = i === freedoms.length - 1 ? Math.max(...marks) : Math.floor((before + after) / 2);
    return { name, freedom, moment };
  });
}

function modelAt(entries: readonly Entry[], moment: number): DiskModel {
  const model = new DiskModel();
  for (const entry of entries) if (entry.at <= moment) model.apply(entry);
  return model;
}

async function expectPushed({ url }: Layover, storm: PushStorm, moment: number): Promise<void> {
  for (const { path, digest } of storm.acknowledged.filter(({ mark }) => mark <= moment))
    expect(await pull(`${url}/v2/${path}`), path).toMatchObject({ status: 200, digest });
  for (const [path, pushes] of storm.tags) {
    const { status, start } = await pull(`${url}/v2/${path}`);
    const last = pushes.findLastIndex(({ acknowledged }) => acknowledged !== undefined && acknowledged <= moment);
    const possible = pushes.slice(Math.max(0, last)).filter(({ begun }) => begun <= moment);
    const found = status === 200 ? digestOf(start) : undefined;
    if (last >= 0 || found)
      expect(
        possible.map(({ digest }) => digest),
        path,
      ).toContain(found);
    else expect(status, path).toBe(404);
  }
}

/** Links may lead to nothing: then they count as absent. */
async function expectNoWrongBytes(dataDirectory: string, when: string): Promise<void> {
  const blobs = await readVisibleBlobs(dataDirectory);
  expect(
    blobs.filter(({ intact }) => !intact),
    when,
  ).toEqual([]);
}
