import { createHash } from 'node:crypto';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { runLayover, runLayoverProcess } from '../support/run-layover.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const digestOf = (algorithm: string, text: string) =>
  `${algorithm}:${createHash(algorithm).update(text).digest('hex')}`;

describe('layover digest', () => {
  it.each(['sha256', 'sha384', 'sha512'])(
    'prints the %s digest, a tab and the name of each file',
    async (algorithm) => {
      await using directory = await temporaryDirectory();
      for (const name of ['a', 'b']) await writeFile(join(directory.path, name), `text of ${name}`);
      const { code, stdout } = await runLayover(['digest', '-a', algorithm, 'a', 'b'], { cwd: directory.path });
      expect(stdout).toBe(`${digestOf(algorithm, 'text of a')}\ta\n${digestOf(algorithm, 'text of b')}\tb\n`);
      expect(code).toBe(0);
    },
  );

  it('reads the standard input without files, and for a dash', async () => {
    const line = `${digestOf('sha256', 'hello')}\t-\n`;
    for (const args of [['digest'], ['digest', '-']]) {
      expect(await runLayover(args, { stdin: 'hello' })).toMatchObject({ code: 0, stdout: line });
    }
  });

  it('continues after an unreadable file, names it, and exits with 1', async () => {
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'there'), 'x');
    const { code, stdout, stderr } = await runLayover(['digest', 'absent', '.', 'there'], { cwd: directory.path });
    expect(code).toBe(1);
    expect(stdout).toBe(`${digestOf('sha256', 'x')}\tthere\n`);
    expect(stderr).toMatch(/^layover: absent: ENOENT.*\nlayover: \.: EISDIR.*\n$/);
  });

  it('reads a file of a gibibyte in little memory', async () => {
    await using directory = await temporaryDirectory();
    const file = join(directory.path, 'large');
    await writeFile(file, '');
    await truncate(file, 1024 ** 3);
    // not resourceUsage().maxRSS, which starts at the memory of the process that forked this one (getrusage(2))
    const tellPeak = `import { readFileSync } from 'node:fs';
      process.on('exit', () => console.error(/VmHWM.*/.exec(readFileSync('/proc/self/status', 'utf8'))[0]));`;
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(tellPeak)}` };
    const { code, stdout, stderr } = await runLayoverProcess(['digest', file], { env });
    expect(code).toBe(0);
    // sha256 of 2^30 zero bytes
    expect(stdout).toBe(`sha256:49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14\t${file}\n`);
    expect(Number(/VmHWM:\s+(\d+) kB/.exec(stderr)?.[1])).toBeLessThan(200 * 1024); // KiB
  });

  it('rejects an unknown algorithm, and lists the known ones in --help', async () => {
    expect(await runLayover(['digest', '-a', 'md5'])).toMatchObject({ code: 1, stdout: '' });
    expect((await runLayover(['digest', '--help'])).stdout).toContain('layover digest -a sha512');
  });
});
