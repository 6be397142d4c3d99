// Makes packages from what `npm run build` has made; they are in build/ afterwards.
//   npm run image [-- --arch amd64]    container images, with lists of what they contain
import { argv, cwd, env, stderr, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { join } from 'node:path';

import { ARCHITECTURES, parseArchitecture } from './architecture.ts';
import { factsOf } from './facts.ts';
import { makeImage } from './make-image.ts';

const MEBIBYTE = 1024 * 1024;

async function run(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { arch: { type: 'string', multiple: true }, out: { type: 'string' } },
    allowPositionals: true,
  });
  const root = cwd();
  const architectures = values.arch?.map(parseArchitecture) ?? ARCHITECTURES;
  const out = values.out ?? join(root, 'build/image');
  const { index, images, files } = await makeImage({ root, architectures, out, ...(await factsOf(root, env)) });
  for (const { architecture, size, manifest } of images) {
    stdout.write(`linux/${architecture}  ${(size / MEBIBYTE).toFixed(1)} MiB  ${manifest.digest}\n`);
  }
  stdout.write(`index  ${index.digest}  ${join(out, 'oci')}\n${files.map((file) => `${file}\n`).join('')}`);
}

try {
  await run(argv.slice(2));
} catch (err) {
  stderr.write(`packaging: ${err instanceof Error ? err.message : String(err)}\n`);
  process.exitCode = 1;
}
