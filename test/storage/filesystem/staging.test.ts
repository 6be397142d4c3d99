import { randomBytes } from 'node:crypto';
import { readdir, rename, utimes } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { PathNotFoundError } from '../../../src/storage/driver.ts';
import { createFilesystemDriver } from '../../../src/storage/filesystem/filesystem.ts';
import { createHolderName, isHolderName, stateOfHolder } from '../../../src/storage/filesystem/holder-name.ts';
import { type StagedFile, StagedFileHeldError } from '../../../src/storage/staging.ts';
import { BufferPool } from '../../../src/stream/buffer-pool.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';

const HOUR = 3_600_000;
const PATH = '/u/1/data';

/** Holder name of a process that has ended, or that is on another machine. */
const nameOf = (kind: 'ended' | 'elsewhere') => {
  const [, space = '', pid = '', ...rest] = createHolderName().split('-');
  // Not a possible process id on Linux.
  const parts = kind === 'ended' ? [space, '4194305'] : [space.replace(/./, (c) => (c === 'f' ? '0' : 'f')), pid];
  return ['held', ...parts, ...rest].join('-');
};

async function open() {
  const directory = await temporaryDirectory();
  const driver = await createFilesystemDriver({ rootDirectory: directory.path, buffers: new BufferPool() });
  await driver.staging.create(PATH);
  const staged = await driver.staging.hold(PATH);
  await staged.write([Buffer.from('kept')]);
  await staged.keep();
  const folder = join(directory.path, 'u/1');
  return {
    ...directory,
    driver,
    folder,
    version: staged.version,
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

const text = async (staged: StagedFile) => {
  const chunks: Buffer[] = [];
  for await (const chunk of staged.read(0)) chunks.push(Buffer.from(chunk));
  return String(Buffer.concat(chunks));
};

it.each([
  ['full', 'relaxed'],
  ['relaxed', 'full'],
] as const)('bytes that were kept with %s durability have another version with %s', async (before, after) => {
  await using directory = await temporaryDirectory();
  const [first, second] = await Promise.all(
    [before, after].map((durability) =>
      createFilesystemDriver({ rootDirectory: directory.path, durability, buffers: new BufferPool() }),
    ),
  );
  await first?.staging.create(PATH);
  const kept = await first?.staging.hold(PATH);
  await kept?.write([Buffer.from('kept')]);
  await kept?.keep();
  const again = await first?.staging.hold(PATH);
  expect(again?.version).toBe(kept?.version);
  await again?.release();
  const other = await second?.staging.hold(PATH);
  expect(other?.startsWith(kept?.version ?? '')).toBe(false);
  await other?.release();
});

describe('the name of a holder', () => {
  it('shows whether its process is alive, ended, or silent for too long', () => {
    const now = Date.now();
    expect(stateOfHolder(createHolderName(), now, now)).toBe('alive');
    expect(stateOfHolder(nameOf('ended'), now, now)).toBe('ended');
    expect(stateOfHolder(nameOf('elsewhere'), now, now)).toBe('alive');
    expect(stateOfHolder(nameOf('elsewhere'), now - HOUR, now)).toBe('silent');
    expect(stateOfHolder('held-by-another', now - HOUR, now)).toBe('silent');
  });

  it('is unique', () => {
    const names = Array.from({ length: 100 }, createHolderName);
    expect(new Set(names).size).toBe(100);
    expect(names.every(isHolderName)).toBe(true);
  });
});

describe('a staged file', () => {
  it('of a process that was killed is taken over, with the bytes that it had written', async () => {
    await using made = await open();
    await rename(join(made.folder, 'data'), join(made.folder, nameOf('ended')));
    expect(await made.driver.staging.size(PATH)).toBe(4);
    const staged = await made.driver.staging.hold(PATH);
    expect([staged.startsWith(made.version), await text(staged)]).toEqual([true, 'kept']);
    await staged.keep();
    expect(await readdir(made.folder)).toEqual(['data']);
  });

  it('of a process on another machine is not taken over while that has a heartbeat', async () => {
    await using made = await open();
    await rename(join(made.folder, 'data'), join(made.folder, nameOf('elsewhere')));
    await expect(made.driver.staging.hold(PATH)).rejects.toThrow(StagedFileHeldError);
    expect(await made.driver.staging.size(PATH)).toBe(4);
  });

  it('is always found while processes hold and release it', async () => {
    await using made = await open();
    const { staging } = made.driver;
    let holding = 2;
    const holders = [1, 2].map(async () => {
      for (let i = 0; i < 300; i++) {
        const staged = await staging.hold(PATH).catch((err: unknown) => {
          expect(err).toBeInstanceOf(StagedFileHeldError);
        });
        await staged?.keep();
      }
      holding--;
    });
    const readers = [1, 2, 3].map(async () => {
      while (holding > 0) expect(await staging.size(PATH)).toBe(4);
    });
    await Promise.all([...holders, ...readers]);
  });

  it('that is missing from its directory is reported, also while the directory changes', async () => {
    await using made = await open();
    await rename(join(made.folder, 'data'), join(made.folder, 'elsewhere'));
    const names = ['elsewhere', 'further'];
    const changes = setInterval(() => {
      names.reverse();
      void rename(join(made.folder, names[1] ?? ''), join(made.folder, names[0] ?? '')).catch(() => undefined);
    }, 2);
    await expect(made.driver.staging.size(PATH)).rejects.toThrow(PathNotFoundError);
    clearInterval(changes);
    await expect(made.driver.staging.hold(PATH)).rejects.toThrow(PathNotFoundError);
  });

  it('whose holder seems dead is copied: later writes of that holder have no effect', async () => {
    await using made = await open();
    const paused = await made.driver.staging.hold(PATH);
    await paused.write([Buffer.from(' and more')]);
    const [name = ''] = (await readdir(made.folder)).filter(isHolderName);
    // As if it were on another machine, and silent for long.
    const silent = join(made.folder, nameOf('elsewhere'));
    await rename(join(made.folder, name), silent);
    const long = new Date(Date.now() - HOUR);
    await utimes(silent, long, long);
    // The change time of the file cannot be set, so the clock of the process is advanced.
    const now = Date.now;
    Date.now = () => now() + HOUR;
    const taken = await made.driver.staging.hold(PATH).finally(() => (Date.now = now));
    expect([await text(taken), taken.startsWith(made.version)]).toEqual(['kept and more', false]);
    await paused.write([randomBytes(100)]);
    await expect(paused.keep()).rejects.toThrow(StagedFileHeldError);
    await paused.release();
    await taken.write([Buffer.from('; next')]);
    await taken.keep();
    const after = await made.driver.staging.hold(PATH);
    expect(await text(after)).toBe('kept and more; next');
    await after.release();
    expect(await readdir(made.folder)).toEqual(['data']);
  });
});
