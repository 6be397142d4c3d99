import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { type Content, seededContent, tarContent } from './content.ts';
import { HELLO_LINE, helloProgram, hostArchitecture } from './hello-program.ts';
import { runProgram } from './processes.ts';
import { tarArchive } from './tar.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const whole = (content: Content, start?: number, end?: number) => Buffer.concat([...content.read(start, end)]);

describe('generated content', () => {
  it.each([
    ['seeded bytes', seededContent('a', 700_001)],
    ['a tar layer', tarContent('a', 700_001)],
    ['the smallest tar layer', tarContent('a', 2048)],
  ])('of %s is the same from any offset and has the digest it says', (_, content) => {
    const bytes = whole(content);
    expect([bytes.length, digestOf(bytes)]).toEqual([content.size, content.digest]);
    const offsets = [0, 1, 511, 512, 513, 1536, content.size - 1025, content.size - 1, content.size];
    for (const start of offsets) {
      for (const end of offsets.filter((offset) => offset >= start)) {
        expect(whole(content, start, end).equals(bytes.subarray(start, end)), `${start}-${end}`).toBe(true);
      }
    }
  });

  it('differs for another seed', () => {
    expect(seededContent('a', 100).digest).not.toBe(seededContent('b', 100).digest);
  });

  it('unpacks when it is a layer', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'layer.tar');
    await writeFile(file, whole(tarContent('x', 10_000)));
    const { stdout } = await runProgram('tar', ['-tvf', file]);
    expect(stdout).toMatch(/ 8192 1970-01-01 .* data-[0-9a-f]{12}\n$/);
  });
});

describe.runIf(process.platform === 'linux')('the hello program', () => {
  it('prints its line, also out of a tar', async () => {
    await using directory = await temporaryDirectory();
    const archive = tarArchive([{ path: 'hello', mode: 0o755, content: helloProgram(hostArchitecture) }]);
    await writeFile(join(directory.path, 'a.tar'), archive);
    await runProgram('tar', ['-xf', 'a.tar'], { cwd: directory.path });
    await chmod(join(directory.path, 'hello'), 0o755);
    expect((await runProgram(join(directory.path, 'hello'), [])).stdout).toBe(`${HELLO_LINE}\n`);
  });
});
