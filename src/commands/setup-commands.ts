import { type Command, Option } from 'commander';

import type { ProgressOutput } from './progress-bar.ts';

export interface SetupCommandsContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly out: ProgressOutput;
  readonly end: (code: number) => void;
}

interface SetupCommandOptions {
  readonly address?: string;
  readonly registries?: string;
  readonly ca?: string;
  readonly store?: 'classic' | 'containerd';
  readonly write?: true;
  readonly undo?: true;
  readonly yes?: true;
  readonly root: string;
  readonly verify?: true;
  readonly enforce?: true;
  readonly json?: true;
}

const HELP = `
Prints the configuration by default. With --write it changes the client's files: it keeps all other settings, shows the
difference, and --undo restores the files as they were. No client is restarted; the output has the command for that.

Clients: docker, containerd, podman (also for buildah and skopeo), cri-o, k3s, rke2, buildkit. Printed only: kind, minikube,
talos, gitlab, github, testcontainers.

  $ layover setup docker --address https://cache.example.com
  $ layover setup containerd --address https://cache.example.com --write
  $ layover setup containerd --verify                     does this machine use a cache, for docker.io?
  $ layover setup podman --registries docker.io,ghcr.io --ca ca.pem --write --verify
  $ layover setup containerd --undo`;

/** `setup`: makes a client pull through the cache. */
export function addSetupCommand(program: Command, { env, stdin, out, end }: SetupCommandsContext): void {
  program
    .command('setup')
    .description('make a client on this machine pull through the cache, and verify that it does')
    .argument('<client>', 'docker, containerd, podman, k3s, … (see below)')
    .option(
      '--address <url>',
      'address of the cache, as clients reach it (default on this machine: http://localhost:5000)',
    )
    .option('--registries <names>', 'with commas (default: all, or the usual ones for clients that need names)')
    .option('--ca <file>', 'certificate in PEM that the client has to trust')
    .addOption(
      new Option('--store <store>', "Docker's image store (default: that of the running daemon)").choices([
        'classic',
        'containerd',
      ]),
    )
    .option('--write', "change the client's files")
    .option('--undo', 'restore the files as they were before --write')
    .option('--yes', 'do not wait for a confirmation')
    .option('--root <directory>', "directory that has the client's files, such as that of an image", '/')
    .option('--verify', 'have the client pull an image that only a cache serves')
    .option('--enforce', 'also prevent pulls past the cache, where the client can')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async (client: string, options: SetupCommandOptions) => {
      const { setup } = await import('./setup.ts');
      end(await setup({ client, ...options, env, stdin, out }));
    });
}
