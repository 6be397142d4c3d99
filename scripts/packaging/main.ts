// Makes packages from what `npm run build` has made.
//   npm run image [-- --arch amd64]    container images and what they contain, in build/image/
//   npm run deb [-- --arch amd64]      Debian packages, in build/deb/
import { argv, cwd, env, stderr, stdout } from 'node:process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { type Architecture, ARCHITECTURES, parseArchitecture } from './architecture.ts';
import { factsOf } from './facts.ts';
import { makeDeb } from './make-deb.ts';
import { makeImage } from './make-image.ts';

const MEBIBYTE = 1024 * 1024;

interface Options {
  readonly root: string;
  readonly architectures: readonly Architecture[];
  /** @default a directory in `build/` */
  readonly out: string | undefined;
}

const COMMANDS: Readonly<Record<string, (options: Options) => Promise<void>>> = { image: printImage, deb: printDebs };

async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { arch: { type: 'string', multiple: true }, out: { type: 'string' } },
    allowPositionals: true,
  });
  const [name = ''] = positionals;
  const command = positionals.length === 1 ? COMMANDS[name] : undefined;
  if (command === undefined) throw new Error('usage: npm run image|deb -- [--arch amd64|arm64] [--out DIRECTORY]');
  const architectures = values.arch?.map(parseArchitecture) ?? ARCHITECTURES;
  await command({ root: cwd(), architectures, out: values.out });
}

async function printImage({ root, architectures, out = join(root, 'build/image') }: Options): Promise<void> {
  const { index, images, files } = await makeImage({ root, architectures, out, ...(await factsOf(root, env)) });
  for (const { architecture, size, manifest } of images) {
    stdout.write(`linux/${architecture}  ${(size / MEBIBYTE).toFixed(1)} MiB  ${manifest.digest}\n`);
  }
  stdout.write(`index  ${index.digest}  ${join(out, 'oci')}\n${files.map((file) => `${file}\n`).join('')}`);
}

async function printDebs({ root, architectures, out = join(root, 'build/deb') }: Options): Promise<void> {
  const facts = await factsOf(root, env);
  for (const architecture of architectures) stdout.write(`${await makeDeb({ root, architecture, out, ...facts })}\n`);
}

try {
  await run(argv.slice(2));
} catch (err) {
  stderr.write(`packaging: ${err instanceof Error ? err.message : String(err)}\n`);
  process.exitCode = 1;
}
