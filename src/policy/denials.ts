import { matchGlobs } from '../matching/glob.ts';
import type { Digest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { ContentRefusals } from '../registry/refusals.ts';

/** Where a list of denied content is kept. */
export type DenialOrigin = 'configuration' | 'file' | 'recall';

export interface DeniedContent {
  /** With the reason for clients, which may be empty. */
  readonly digests: ReadonlyMap<Digest, string>;
  /** Globs over stored names. */
  readonly names: readonly string[];
}

const NOTHING: DeniedContent = { digests: new Map(), names: [] };

/** The denied content of all lists together. A look-up costs nothing noticeable, however long they are. */
export class Denials implements ContentRefusals {
  readonly #lists: Record<DenialOrigin, DeniedContent> = { configuration: NOTHING, file: NOTHING, recall: NOTHING };
  #digests: ReadonlyMap<Digest, string> = NOTHING.digests;
  #matchesName: ((repository: string) => boolean) | undefined;

  /** @throws {GlobError} */
  replace(origin: DenialOrigin, list: DeniedContent): void {
    const lists = Object.values({ ...this.#lists, [origin]: list });
    const names = lists.flatMap((each) => each.names);
    this.#matchesName = names.length === 0 ? undefined : matchGlobs(names);
    this.#digests = new Map(lists.flatMap(({ digests }) => [...digests]));
    this.#lists[origin] = list;
  }

  get isEmpty(): boolean {
    return this.#digests.size === 0 && this.#matchesName === undefined;
  }

  listOf(origin: DenialOrigin): DeniedContent {
    return this.#lists[origin];
  }

  ofName(repository: string): RegistryError | undefined {
    if (this.#matchesName?.(repository) !== true) return undefined;
    return new RegistryError('DENIED', `${repository} is denied by policy.deny`, { detail: { policy: 'deny' } });
  }

  ofDigest(repository: string, digest: Digest): RegistryError | undefined {
    const reason = this.#digests.get(digest);
    if (reason === undefined) return undefined;
    const message = `${repository}@${digest} is denied${reason === '' ? '' : `: ${reason}`}`;
    return new RegistryError('DENIED', message, { detail: { policy: 'deny', digest, ...(reason && { reason }) } });
  }
}
