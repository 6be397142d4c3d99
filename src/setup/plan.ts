import type { CacheAddress } from './address.ts';

/** What a client is to be set up for. */
export interface SetupRequest {
  readonly cache: CacheAddress;
  /** Such as `docker.io`. Empty: every registry where the client can, else those that are served. */
  readonly registries: readonly string[];
  /** By the cache. Absent or empty when they are not known: {@link USUAL_REGISTRIES}. */
  readonly served?: readonly string[] | undefined;
  /** Absent when the machine trusts the certificate of the cache already. */
  readonly ca: CaFile | undefined;
  /** The client must not use registries directly, where that can be configured. */
  readonly isEnforced: boolean;
  /** Docker's image store. Absent when it is not known. */
  readonly store?: 'classic' | 'containerd' | undefined;
}

/** A certificate that clients have to trust. */
export interface CaFile {
  /** On the client's machine. */
  readonly path: string;
  readonly pem: string;
}

/** A file of the client, with what it becomes. */
export interface FileChange {
  readonly path: string;
  /**
   * @param existing absent when there is no such file
   * @returns the same text when nothing has to change
   * @throws {SetupError} for a file that is damaged or has contrary settings
   */
  readonly merge: (existing: string | undefined) => string;
  /** For a change that is printed and not made. Absent: the file as it becomes when there is none. */
  readonly shown?: readonly PrintedText[];
}

/** How to set a client up. */
export interface ClientPlan {
  readonly changes: readonly FileChange[];
  /** For what no file of this machine can do. */
  readonly printed: readonly PrintedText[];
  /** When the changes take effect, with the command for it. */
  readonly takesEffect: string;
  /** With {@link SetupRequest.isEnforced}: what prevents direct pulls. Empty when nothing does. */
  readonly enforcement: string;
  /** With {@link SetupRequest.isEnforced}: why direct pulls are still possible. Absent when they are not. */
  readonly unenforced?: string | undefined;
  readonly notes: readonly string[];
}

export interface PrintedText {
  readonly title: string;
  readonly text: string;
}

/** Everything that a person has to see to make the changes. */
export function shownTexts({ changes, printed }: ClientPlan): readonly PrintedText[] {
  const files = changes.flatMap(({ path, merge, shown }) => shown ?? [{ title: path, text: merge(undefined) }]);
  return [...files, ...printed];
}

/** Reads a file of the client, by its path on the client's machine. Absent when there is none. */
export type ReadExisting = (path: string) => string | undefined;

export interface SetupClient {
  readonly name: string;
  readonly title: string;
  /** It pulls on other machines or in containers, where `localhost` is not this machine. */
  readonly isElsewhere?: boolean;
  readonly plan: (request: SetupRequest, read: ReadExisting) => ClientPlan;
  /** Whether a plan can change the file, for any request. */
  readonly canWrite: (path: string) => boolean;
}

/** The upstreams of the built-in configuration. */
const USUAL_REGISTRIES: readonly string[] = [
  'docker.io',
  'ghcr.io',
  'quay.io',
  'registry.k8s.io',
  'gcr.io',
  'mcr.microsoft.com',
  'public.ecr.aws',
];

/** In files that only `layover setup` writes. */
export const HEADER = '# Written by `layover setup`.\n';

export function registriesOf({ registries, served = [] }: SetupRequest): readonly string[] {
  return [registries, served].find(({ length }) => length > 0) ?? USUAL_REGISTRIES;
}
