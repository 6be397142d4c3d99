import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';

import { LmdbIndex } from '../../src/usage/lmdb-index.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { Layover } from '../support/layover.ts';
import { LAYOVER_MAIN, programEnvironment } from '../support/programs.ts';
import { RunningProcess } from '../support/processes.ts';

const PAGE = 4096;
const USE = {
  repository: 'team/app',
  digest: digestOf(Buffer.from('a layer')),
  kind: 'blob' as const,
  size: 7,
  at: 1_000_000,
};

describe('an index whose process was killed', () => {
  it('is kept, at whatever moment of the start and however often', async () => {
    await using layover = await Layover.startProcess();
    await layover.kill('SIGTERM');
    await writeIndex(layover);
    for (let i = 0; i < 12; i++) await killedAtStart(layover, i);
    await layover.restart();
    await layover.kill('SIGKILL');
    await layover.restart();
    await layover.kill('SIGTERM');

    expect(await movedAside(layover)).toEqual([]);
    expect(await readUse(layover)).toMatchObject({ lastUsedAt: USE.at, size: 7 });
    expect(layover.output).not.toContain('damaged');
  });

  it('is kept when a marker is all that was left, also one that is empty or of this process number', async () => {
    await using layover = await Layover.startProcess();
    await layover.kill('SIGTERM');
    await writeIndex(layover);
    for (const marker of ['', '999999999', 'garbage']) {
      await writeFile(`${indexOf(layover)}.opening`, marker);
      await layover.restart();
      await layover.kill('SIGTERM');
      expect(await readUse(layover), marker).toMatchObject({ lastUsedAt: USE.at });
    }
    expect(await movedAside(layover)).toEqual([]);
  });

  it('leaves no marker after an orderly end', async () => {
    await using layover = await Layover.startProcess();
    expect(await readdir(join(layover.dataDirectory, 'layover'))).toContain('index.opening');
    await layover.kill('SIGTERM');
    expect(await readdir(join(layover.dataDirectory, 'layover'))).not.toContain('index.opening');
  });
});

describe('an index that ends every process that opens it', () => {
  it('is moved aside at the next start, byte for byte, and begun anew', async () => {
    await using layover = await Layover.startProcess();
    await layover.kill('SIGTERM');
    await writeIndex(layover);
    const damaged = await pointOutOfFile(join(indexOf(layover), 'usage.mdb'));

    const crashed = await start(layover);
    expect((await crashed.exited).signal).toMatch(/^SIG(SEGV|BUS|ABRT)$/);
    await layover.restart();

    const [movedTo = ''] = await movedAside(layover);
    await layover.waitForOutput(/index damaged/);
    expect(await readFile(join(layover.dataDirectory, 'layover', movedTo, 'usage.mdb'))).toEqual(damaged);
    await layover.kill('SIGTERM');
    expect(await readUse(layover)).toBeUndefined();
    await layover.restart();
    expect(await movedAside(layover)).toEqual([movedTo]);
  });
});

function indexOf({ dataDirectory }: Layover): string {
  return join(dataDirectory, 'layover', 'index');
}

/** A use of long ago, in an index that need not be made complete. */
async function writeIndex(layover: Layover): Promise<void> {
  const index = await LmdbIndex.open({ directory: indexOf(layover) });
  await index.record([USE]);
  await index.setMarker('complete', new Date().toISOString());
  await index.close();
}

async function readUse(layover: Layover) {
  const index = await LmdbIndex.open({ directory: indexOf(layover) });
  try {
    return await index.find(USE);
  } finally {
    await index.close();
  }
}

async function movedAside({ dataDirectory }: Layover): Promise<string[]> {
  return (await readdir(join(dataDirectory, 'layover'))).filter((name) => name.includes('damaged'));
}

function start(layover: Layover): Promise<RunningProcess> {
  const args = [LAYOVER_MAIN, 'serve', layover.configFile];
  return RunningProcess.start(process.execPath, args, { env: programEnvironment() });
}

/** Later from time to time, the marker's first appearance included. */
async function killedAtStart(layover: Layover, turn: number): Promise<void> {
  const started = await start(layover);
  if (turn % 2 === 0) await untilMarked(layover, started);
  else await delay(60 * turn);
  started.kill('SIGKILL');
  await started.exited;
}

async function untilMarked(layover: Layover, { pid, isRunning }: RunningProcess): Promise<void> {
  for (let i = 0; i < 5_000 && isRunning; i++) {
    const marker = await readFile(`${indexOf(layover)}.opening`, 'utf8').catch(() => '');
    if (marker === String(pid)) return;
    await delay(1);
  }
  throw new Error('the index was not opened');
}

/** Both roots of the file lie where there is nothing. @returns what the file is now */
async function pointOutOfFile(path: string): Promise<Buffer> {
  const bytes = await readFile(path);
  for (const page of [0, PAGE]) {
    for (let at = 48; at < 152; at += 8) bytes.writeBigUInt64LE(0xfffffffn, page + at);
  }
  await writeFile(path, bytes);
  return bytes;
}
