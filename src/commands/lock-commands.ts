import type { Command } from 'commander';

import { type ImageCommandsContext, runWithAccess, withRegistryOptions } from './image-commands.ts';

const HELP = `
A list is a text file with one name on each line, a Kubernetes or compose file, a Dockerfile, the lists of hauler and of
skopeo sync, a lock, or a directory with such files; - is standard input. Each image gets its digest, those of its
platforms, signatures and SBOMs, and its size. The same images always give the same file.

An image that cannot be found is named, the others are locked, and the exit code is 1.

  $ layover lock images.txt k8s/ --platform linux/amd64 --output images.lock.yaml
  $ helm template my-app ./chart | layover lock - --output images.lock.yaml
  $ layover lock images.txt --output images.lock.yaml --locked     fails when an image has another digest`;

interface LockOptions {
  readonly output?: string;
  readonly platform?: readonly string[];
  readonly locked?: boolean;
  readonly tlsCa?: string;
  readonly insecure?: boolean;
  readonly plainHttp?: boolean;
  readonly authfile?: string;
}

/** `lock` */
export function addLockCommands(
  program: Command,
  { stdin, ...context }: ImageCommandsContext & { readonly stdin: AsyncIterable<Uint8Array> },
): void {
  const lock = program
    .command('lock')
    .description('write the digests and sizes of all images that lists, manifests and Dockerfiles name')
    .argument('<lists...>', 'files and directories; - is standard input')
    .option('-o, --output <file>', 'the lock (default: standard output)')
    .option(
      '--platform <os/arch[/variant]>',
      'only this platform; repeatable (default: those of the lock, or all)',
      collect,
    )
    .option('--locked', 'write nothing, and fail when an image is not as in the lock')
    .addHelpText('after', HELP);
  withRegistryOptions(lock).action((paths: string[], options: LockOptions) =>
    runWithAccess(context, options, async (opened) => {
      const { lockCommand } = await import('./lock.ts');
      const { output, platform = [], locked = false } = options;
      return lockCommand(opened, { paths, stdin, output, platform, locked });
    }),
  );
}

function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
