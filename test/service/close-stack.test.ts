import { expect, test } from 'vitest';

import { closeOnFailure, CloseStack } from '../../src/service/close-stack.ts';

function recordCloses() {
  const closed: string[] = [];
  const open = (name: string) => ({ name, close: async () => void closed.push(name) });
  return { closed, open };
}

test('a start that fails closes what was opened, last opened first', async () => {
  const { closed, open } = recordCloses();
  const starting = closeOnFailure(async (opened) => {
    opened.use(open('storage'));
    opened.defer(() => void closed.push('lock'));
    throw new Error('no Redis');
  });
  await expect(starting).rejects.toThrow('no Redis');
  expect(closed).toEqual(['lock', 'storage']);
});

test('a start that succeeds leaves everything open', async () => {
  const { closed, open } = recordCloses();
  const driver = await closeOnFailure(async (opened) => opened.use(open('storage')));
  expect(driver.name).toBe('storage');
  expect(closed).toEqual([]);
});

test('a resource that fails to close does not keep the others open', async () => {
  const { closed, open } = recordCloses();
  const starting = closeOnFailure(async (opened) => {
    opened.use(open('storage'));
    opened.defer(() => Promise.reject(new Error('cannot close')));
    throw new Error('no Redis');
  });
  await expect(starting).rejects.toThrow('no Redis');
  expect(closed).toEqual(['storage']);
});

test('everything is closed once, and the first failure is reported', async () => {
  const { closed, open } = recordCloses();
  const opened = new CloseStack();
  opened.use(open('storage'));
  opened.defer(() => Promise.reject(new Error('first')));
  opened.use(open('index'));
  await expect(opened.close()).rejects.toThrow('first');
  await opened.close();
  expect(closed).toEqual(['index', 'storage']);
});
