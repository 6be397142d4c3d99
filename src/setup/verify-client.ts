import { VERIFY_DIGEST } from '../verify/verify-image.ts';
import { verifyName } from '../verify/verify-name.ts';
import { runTool, type ToolResult } from './run-tool.ts';

export interface Verified {
  readonly registry: string;
  readonly isServed: boolean;
  /** Why not; one line, from the client. */
  readonly reason?: string;
  /** The client's daemon does not run, or this user must not use it: nothing was proved. */
  readonly isUnreachable?: boolean;
}

export interface VerifyOptions {
  readonly registries: readonly string[];
  /** Random: it makes a name that no registry has. */
  readonly nonce: string;
  /** Absent for the process's own. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For `ctr`, which does not read the configuration of containerd. */
  readonly certsDirectory: string;
  /** For each command. @default two minutes, for a pull that tries addresses which do not respond. Milliseconds. */
  readonly timeoutMs?: number;
}

/** The commands of one client's own program. */
interface Puller {
  readonly program: string;
  readonly pull: (image: string) => readonly string[];
  /** Prints the digest of the pulled image. */
  readonly inspect: (image: string) => readonly string[];
  /** Absent when nothing was stored. */
  readonly remove?: (image: string) => readonly string[];
}

const TIMEOUT_MS = 120_000;

/** Messages of clients whose daemon did not respond. */
const UNREACHABLE = /connect to the docker (?:daemon|api)|cannot connect to podman|dial unix \S+: connect/i;

/** Programs of each client, the one that is closest to it first. */
function pullersOf(client: string, certs: string): readonly Puller[] {
  const crictl = (program: string, ...before: string[]): Puller => ({
    program,
    pull: (image) => [...before, 'pull', image],
    inspect: (image) => [...before, 'inspecti', image],
    remove: (image) => [...before, 'rmi', image],
  });
  switch (client) {
    case 'docker':
      return [
        {
          program: 'docker',
          pull: (image) => ['pull', '--quiet', image],
          inspect: (image) => ['image', 'inspect', '--format', '{{json .RepoDigests}}', image],
          remove: (image) => ['image', 'rm', image],
        },
      ];
    case 'containerd':
      return [
        crictl('crictl'),
        {
          program: 'ctr',
          pull: (image) => ['images', 'pull', '--hosts-dir', certs, image],
          inspect: (image) => ['images', 'ls', `name==${image}`],
          remove: (image) => ['images', 'rm', '--sync', image],
        },
      ];
    case 'podman':
      return [
        {
          program: 'podman',
          pull: (image) => ['pull', '--quiet', image],
          inspect: (image) => ['image', 'inspect', '--format', '{{json .RepoDigests}}', image],
          remove: (image) => ['image', 'rm', image],
        },
        { program: 'skopeo', pull: inspectRemote, inspect: inspectRemote },
      ];
    case 'cri-o':
      return [crictl('crictl')];
    case 'k3s':
      return [crictl('k3s', 'crictl')];
    case 'rke2':
      return [crictl('crictl')];
    default:
      return [];
  }
}

const inspectRemote = (image: string) => ['inspect', '--format', '{{.Digest}}', `docker://${image}`];

/**
 * Has the client itself pull the image that only a cache serves, for each registry.
 *
 * @returns undefined when no program of the client is here
 */
export async function verifyClient(client: string, options: VerifyOptions): Promise<readonly Verified[] | undefined> {
  const { registries, certsDirectory, nonce, env, timeoutMs = TIMEOUT_MS } = options;
  for (const puller of pullersOf(client, certsDirectory)) {
    const results: Verified[] = [];
    const runHere = (args: readonly string[]) => runTool(puller.program, args, { env, timeoutMs });
    for (const registry of registries) {
      const found = await verifyOne(`${registry}/${verifyName(nonce)}:latest`, puller, runHere);
      if (found === 'no program') break;
      results.push({ registry, ...found });
    }
    if (results.length > 0) return results;
  }
  return undefined;
}

async function verifyOne(
  image: string,
  puller: Puller,
  run: (args: readonly string[]) => Promise<ToolResult | undefined>,
): Promise<Omit<Verified, 'registry'> | 'no program'> {
  const pulled = await run(puller.pull(image));
  if (!pulled) return 'no program';
  if (pulled.code !== 0)
    return { isServed: false, reason: lastLine(pulled), isUnreachable: UNREACHABLE.test(pulled.stderr) };
  const inspected = await run(puller.inspect(image));
  if (puller.remove) await run(puller.remove(image));
  // Another registry may have an image of the name.
  if (inspected?.stdout.includes(VERIFY_DIGEST)) return { isServed: true };
  return { isServed: false, reason: 'the client got an image, which is not that of a cache' };
}

function lastLine({ stderr, stdout }: ToolResult): string {
  const lines = `${stdout}\n${stderr}`.split('\n').filter((line) => line.trim() !== '');
  return (lines.at(-1) ?? 'the client failed without a message').trim().slice(0, 500);
}
