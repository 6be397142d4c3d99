import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

import { openLogDestination } from '../../src/telemetry/log-destination.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const PROGRAM = fileURLToPath(new URL('./logging-process.ts', import.meta.url));

function start(manner: string, count: number) {
  return spawn(process.execPath, ['--import', 'tsx', PROGRAM, manner, String(count)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

describe('log destination', () => {
  it.each([
    ['comes to its end', 'end', 0],
    ['is flushed', 'flush', 0],
    ['calls process.exit', 'exit', 0],
    ['dies of an unhandled rejection', 'throw', 1],
  ])('loses no line when the process %s', async (_title, manner, exitCode) => {
    const child = start(manner, 5);
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
    expect(
      output
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).n),
    ).toEqual([0, 1, 2, 3, 4]);
    expect(code).toBe(exitCode);
  });

  it('survives the end of its reader', async () => {
    const child = start('closed', 1);
    child.stdout.destroy();
    const [complaints, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
    expect(complaints).toBe('alive');
    expect(code).toBe(0);
  });

  it('keeps every line and their order over many writes', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'log');
    await using file = await open(path, 'a');
    const destination = openLogDestination(file.fd);
    const lines = Array.from({ length: 20_000 }, (_, n) => `line ${n} ${'ä'.repeat(n % 60)}\n`);
    for (const [n, line] of lines.entries()) {
      destination.write(line);
      if (n % 3000 === 0) await destination.flush();
    }
    await destination.flush();
    expect(await readFile(path, 'utf8')).toBe(lines.join(''));
  });

  it('continues when writes fail, and flush still resolves', async () => {
    await using full = await open('/dev/full', 'w');
    const destination = openLogDestination(full.fd);
    for (let round = 0; round < 3; round++) {
      destination.write('x'.repeat(10_000));
      await destination.flush();
    }
    await expect(destination.flush()).resolves.toBeUndefined();
  });
});
