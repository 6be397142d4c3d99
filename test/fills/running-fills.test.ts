import { expect, it } from 'vitest';

import type { Fill } from '../../src/fills/fill.ts';
import { RunningFills } from '../../src/fills/running-fills.ts';
import { digestOf } from '../../src/oci/digest.ts';

const digest = digestOf(Buffer.from('layer'));
const other = digestOf(Buffer.from('another layer'));
const fillOf = (id: string, ended = false) => ({ id, digest, ended }) as Fill;

it('a digest is being filled from the start of a fill until its end', () => {
  const running = new RunningFills();
  expect(running.isEmpty).toBe(true);
  running.add(fillOf('docker.io'), Promise.resolve());
  expect([digest, other].map((each) => running.isFilling(each))).toEqual([true, false]);
  const ended = new RunningFills();
  ended.add(fillOf('docker.io', true), Promise.resolve());
  expect(ended.isFilling(digest)).toBe(false);
});

it('the end of a fill does not remove the next one of the same digest', () => {
  const running = new RunningFills();
  const [first, second] = [fillOf('docker.io'), fillOf('docker.io')];
  running.add(first, Promise.resolve());
  running.add(second, Promise.resolve());
  running.remove(first);
  expect(running.all).toEqual([second]);
  running.remove(second);
  expect(running.isEmpty).toBe(true);
});

it('is idle when every running fill has ended', async () => {
  const running = new RunningFills();
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  running.add(fillOf('docker.io'), ended);
  let isIdle = false;
  const idle = running.idle().then(() => (isIdle = true));
  await Promise.resolve();
  expect(isIdle).toBe(false);
  end();
  await idle;
});
