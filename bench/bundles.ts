import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execPath, stdout } from 'node:process';
import { promisify } from 'node:util';
import { stringify } from 'yaml';

import { formatLock } from '../src/lists/lock-file.ts';
import { writeDistributionLayout } from '../test/support/distribution-layout.ts';
import { Images } from '../test/support/images.ts';
import { LAYOVER_MAIN } from '../test/support/programs.ts';
import { temporaryDirectory } from '../test/support/temporary-directory.ts';
import type { Figure } from './shared.ts';
import { median } from './table.ts';

export interface BundleScale {
  readonly images: number;
  /** Bytes of each layer, of {@link LAYERS} in an image. */
  readonly layerBytes: number;
  /** Of which the median counts. */
  readonly rounds: number;
}

const MiB = 2 ** 20;
export const FULL_BUNDLES: BundleScale = { images: 4, layerBytes: 64 * MiB, rounds: 3 };
export const QUICK_BUNDLES: BundleScale = { images: 4, layerBytes: 16 * MiB, rounds: 3 };

const LAYERS = 4;
const HOST = 'localhost:5001';

/** `bundle create` and `import` of a stopped cache, next to `tar` of the same bytes; all in the directory of `TMPDIR`. */
export async function measureBundles(scale: BundleScale): Promise<readonly Figure[]> {
  await using directory = await temporaryDirectory();
  const scene = await createScene(directory.path, scale);
  const times = new Map<string, number[]>();
  for (let round = 0; round <= scale.rounds; round++) {
    await mkdir(join(scene.directory, 'plain'));
    for (const [name, command] of Object.entries(commandsOf(scene))) {
      const seconds = await timed(command);
      // The first one warms the cache of the system.
      if (round > 0) times.set(name, [...(times.get(name) ?? []), seconds]);
    }
    for (const name of ['plain.tar', 'plain', 'usb.tar', 'usb', 'inside'])
      await rm(join(scene.directory, name), { recursive: true });
  }
  return figuresOf(times, scale.images * LAYERS * scale.layerBytes);
}

async function timed([program = '', ...args]: readonly string[]): Promise<number> {
  const startedAt = performance.now();
  await promisify(execFile)(program, args);
  return (performance.now() - startedAt) / 1000;
}

interface Scene {
  readonly directory: string;
  /** Configuration of the cache that has the images. */
  readonly config: string;
  /** Configuration of an empty one. */
  readonly inside: string;
}

async function createScene(directory: string, { images: count, layerBytes }: BundleScale): Promise<Scene> {
  const images = new Images();
  const layers = Array.from({ length: LAYERS }, () => layerBytes);
  const built = Array.from({ length: count }, (_, i) => images.addImage('bench/image', String(i), { layers }));
  const root = join(directory, 'data');
  await writeDistributionLayout(root, images);
  const locked = built.map(({ digest }, i) => {
    const name = `${HOST}/bench/image:${i}`;
    return { name, digest, size: LAYERS * layerBytes, manifests: [], attachments: [] };
  });
  await writeFile(join(directory, 'lock.yaml'), formatLock({ platforms: [], images: locked }));
  const configFile = async (name: string, rootdirectory: string) => {
    const path = join(directory, name);
    await writeFile(path, stringify({ version: 0.1, storage: { filesystem: { rootdirectory } } }));
    return path;
  };
  const config = await configFile('outside.yml', root);
  const inside = await configFile('inside.yml', join(directory, 'inside'));
  return { directory, config, inside };
}

/** In their order: the bundle that is imported was created before. */
function commandsOf({ directory, config, inside }: Scene): Record<string, readonly string[]> {
  const at = (name: string) => join(directory, name);
  const layover = (...args: readonly string[]) => [execPath, LAYOVER_MAIN, 'bundle', ...args];
  const create = (output: string) => layover('create', '--from', at('lock.yaml'), '-o', at(output), config);
  return {
    'tar -c': ['tar', '-cf', at('plain.tar'), '-C', at('data'), '.'],
    'create, tar': create('usb.tar'),
    'create, directory': create('usb'),
    'tar -x': ['tar', '-xf', at('plain.tar'), '-C', at('plain')],
    import: layover('import', at('usb.tar'), inside),
    verify: layover('verify', at('usb.tar')),
  };
}

function figuresOf(times: ReadonlyMap<string, readonly number[]>, bytes: number): Figure[] {
  const seconds = (name: string) => median([...(times.get(name) ?? [])]);
  const rate = (name: string) => `${(bytes / seconds(name) / MiB).toFixed(0)} MiB/s`;
  const row = (name: string, base: string, goal: string): Figure => {
    const work = `bundle ${name}, ${bytes / MiB} MiB`;
    const figure = `${rate(name)}, ${base} ${rate(base)}: ${(seconds(base) / seconds(name)).toFixed(2)} ×`;
    stdout.write(`${work}: ${figure}\n`);
    return { work, figure, goal };
  };
  return [
    row('create, tar', 'tar -c', '≥ 0.8 ×'),
    row('create, directory', 'tar -c', '≥ 0.8 ×'),
    row('import', 'tar -x', '≥ 0.5 ×'),
    row('verify', 'tar -x', '–'),
  ];
}
