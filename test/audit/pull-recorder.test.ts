import { join } from 'node:path';
import { expect, it } from 'vitest';

import { ChildPlatforms } from '../../src/audit/child-platforms.ts';
import { LmdbPulls } from '../../src/audit/lmdb-pulls.ts';
import { PullRecorder } from '../../src/audit/pull-recorder.ts';
import type { ServedRequest } from '../../src/audit/pull-record.ts';
import { ControlError } from '../../src/operations/control-error.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const SECOND_MS = 1_000;

/** A manifest that the cache does not have: no index is looked for. */
function pullOf(reference: string, address = '10.0.0.1'): ServedRequest {
  const request = { method: 'GET', handler: 'manifest', repository: 'team/app', status: 404, bytes: 100 };
  return { ...request, reference, address, aborted: false, error: { code: 'MANIFEST_UNKNOWN' } };
}

/** @param failures of the first attempts to open the store */
async function startRecorder(failures: readonly Error[] = []) {
  const directory = await temporaryDirectory();
  const clock = new FakeClock();
  const left = [...failures];
  const events: unknown[] = [];
  const noIndex = { parentsOf: async function* () {}, find: async () => undefined };
  const recorder = new PullRecorder({
    async open() {
      const failure = left.shift();
      if (failure) throw failure;
      return LmdbPulls.open({ directory: join(directory.path, 'pulls') });
    },
    platforms: new ChildPlatforms(noIndex, { read: async () => undefined }),
    addresses: 'full',
    keepMs: 3_600 * SECOND_MS,
    maxBytes: 1024 * 1024,
    clock,
    events: {
      pullsNotRecorded: (error) => void events.push(String(error)),
      pullsRecorded: (event) => void events.push(event),
      pullsRemovedEarly: () => void events.push('full'),
    },
  });
  const recorded = async () => {
    const { pulls } = await recorder.findPulls({ limit: 1_000 });
    return pulls.map(({ reference }) => reference).toSorted();
  };
  return {
    recorder,
    clock,
    events,
    recorded,
    async [Symbol.asyncDispose]() {
      await recorder.close();
      await directory[Symbol.asyncDispose]();
    },
  };
}

it('loses nothing while the store is unavailable for a few batches', async () => {
  const unavailable = new ControlError('unavailable', 'Redis is down');
  await using started = await startRecorder([unavailable, unavailable, unavailable]);
  const { recorder, clock, events, recorded } = started;
  for (const reference of ['1', '2', '3']) {
    recorder.record(pullOf(reference));
    await clock.advance(2 * SECOND_MS);
  }
  await expect.poll(recorded).toEqual(['1', '2', '3']);
  expect(events).toEqual([]);
});

it('writes what it kept without further pulls', async () => {
  await using started = await startRecorder([new ControlError('unavailable', 'Redis is down')]);
  started.recorder.record(pullOf('1'));
  await started.clock.advance(2 * SECOND_MS);
  await expect
    .poll(async () => {
      await started.clock.advance(SECOND_MS);
      return started.recorded();
    })
    .toEqual(['1']);
});

it('reports a store that fails once, and how many records were lost when it works again', async () => {
  await using started = await startRecorder([new Error('disk full'), new Error('disk full')]);
  const { recorder, events, recorded } = started;
  for (const reference of ['1', '2', '3']) {
    recorder.record(pullOf(reference));
    await recorder.flush();
  }
  expect(await recorded()).toEqual(['3']);
  expect(events).toEqual(['Error: disk full', { lost: 2 }]);
});

it('reports what could not be written before the service ended', async () => {
  const unavailable = Array.from({ length: 3 }, () => new ControlError('unavailable', 'Redis is down'));
  await using started = await startRecorder(unavailable);
  started.recorder.record(pullOf('1'));
  await started.recorder.close();
  expect(started.events).toEqual(['Error: the service ended before they could be written']);
});

it('keeps a limited number of records in memory, and reports it', async () => {
  const unavailable = Array.from({ length: 100 }, () => new ControlError('unavailable', 'Redis is down'));
  await using started = await startRecorder(unavailable);
  const { recorder, events } = started;
  for (let i = 0; i < 80_000; i++) recorder.record(pullOf(`tag-${i}`, `10.0.${(i >> 8) & 255}.${i & 255}`));
  expect(events).toEqual(['Error: too many pulls wait to be written']);
});

it('reports once that it is full', async () => {
  await using started = await startRecorder();
  const { recorder, events, recorded } = started;
  for (let i = 0; i < 16_000; i++) {
    recorder.record(pullOf(`tag-${i}-${'x'.repeat(100)}`, `10.0.${(i >> 8) & 255}.${i & 255}`));
    if (i % 500 === 0) await recorder.flush();
  }
  await recorder.flush();
  expect(events).toEqual(['full']);
  expect((await recorded()).length).toBeGreaterThan(500);
});
