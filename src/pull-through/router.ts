import { matchGlobs } from '../matching/glob.ts';
import { RegistryError } from '../oci/errors.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import type { NameFilter } from '../filters/name-filter.ts';
import type { HeldContent } from '../registry/held-content.ts';
import type { NamedBy } from '../registry/named-by.ts';
import type { Registry } from '../registry/registry.ts';
import type { AccessCaller, RepositoryAccess } from '../registry/repository-access.ts';
import { parseVerifyName, type Verification, verifyName } from '../verify/verify-name.ts';
import type { Relay } from './relay.ts';

/** An upstream, and the names by which requests find it. */
export interface UpstreamRoute {
  readonly name: string;
  /** Other names: in `ns`, as path prefix and as `Host`. */
  readonly aliases: readonly string[];
  /** A name of one segment means `library/<name>`. */
  readonly library: boolean;
  readonly isDefault: boolean;
  /** Serves every `ns` that is not the name of another upstream, as a mirror of any registry does. */
  readonly anyNamespace?: boolean | undefined;
  /** Precedes its names in stored names; no slash at the end, may be empty. */
  readonly storePrefix: string;
  readonly registry: Registry;
  /** Its content in memory, under its names at the upstream. */
  readonly held?: HeldContent | undefined;
  /** Forwards writes to the upstream; absent when they are off. */
  readonly relay?: Relay | undefined;
  /** Who may read which repository, decided before {@link registry} is called. Absent when every client may read all of them. */
  readonly access?: RepositoryAccess | undefined;
  /** Which of its repositories {@link registry} serves; absent: all of them. */
  readonly isAllowed?: NameFilter | undefined;
}

export interface RouterOptions {
  readonly upstreams: readonly UpstreamRoute[];
  /** Globs over names that are never fetched from an upstream. Empty without upstreams: all names are hosted. */
  readonly hostedNames: readonly string[];
  /** For hosted names. */
  readonly hosted: Registry;
  /** Hosted content in memory. */
  readonly heldHosted?: HeldContent | undefined;
  /** Of the reserved names. Without upstreams, or when absent, none is reserved. */
  readonly verify?: Registry | undefined;
}

/** What a request names. */
export interface RouteRequest {
  readonly repository: string;
  /** The `ns` parameter. */
  readonly sourceHost: string | undefined;
  /** The `Host` header. */
  readonly host: string | undefined;
}

export interface Target {
  readonly registry: Registry;
  /** Content in memory, under its names in {@link registry}. */
  readonly held?: HeldContent | undefined;
  /** Takes writes instead of {@link registry}, of an upstream with `push: passthrough`. */
  readonly relay?: Relay | undefined;
  /** As in {@link UpstreamRoute}. */
  readonly access?: RepositoryAccess | undefined;
  /** Name in {@link registry}. */
  readonly repository: string;
  /** Stored name. */
  readonly storedAs: string;
  /** For `OCI-Namespace`; absent for hosted names. */
  readonly sourceHost: string | undefined;
  /** Present for a reserved name. */
  readonly verification?: Verification | undefined;
  /** Absent for hosted names. */
  readonly namedBy?: NamedBy | undefined;
}

/**
 * Finds the registry of a name: by `ns`, by the first segment of the path, by `Host`, or the default upstream.
 * All of these are looked up in the configuration; none is ever connected to. A single upstream may serve every `ns`: names are stored and
 * authorized as without one, and `OCI-Namespace` has the upstream's name, as that upstream is queried.
 *
 * Hosted names come first, also for the stored name of an upstream's content: nothing is fetched into a repository that clients push to, and
 * pushed content never replaces content of an upstream, unless the configuration hosts the upstream's own names.
 */
export class Router {
  readonly #options: RouterOptions;
  readonly #byName = new Map<string, UpstreamRoute>();
  readonly #default: UpstreamRoute | undefined;
  readonly #anyNamespace: UpstreamRoute | undefined;
  readonly #isHosted: (repository: string) => boolean;

  /** Whether a client may know of a stored repository. Absent when every client may know of all of them. */
  readonly isVisible: ((stored: string, caller: AccessCaller) => boolean) | undefined;

  constructor(options: RouterOptions) {
    this.#options = options;
    for (const upstream of options.upstreams) {
      for (const name of [upstream.name, ...upstream.aliases]) this.#byName.set(name.toLowerCase(), upstream);
    }
    this.#default = options.upstreams.find((upstream) => upstream.isDefault);
    this.#anyNamespace = options.upstreams.find((upstream) => upstream.anyNamespace);
    this.#isHosted = matchGlobs(options.hostedNames);
    const hasPrivate = options.upstreams.some(({ access }) => access);
    this.isVisible = hasPrivate ? (stored, caller) => this.#isVisible(stored, caller) : undefined;
  }

  /** @throws {RegistryError} `NAME_UNKNOWN` for a name without an upstream, or with one that is not configured; `NAME_INVALID` */
  route({ repository, sourceHost, host }: RouteRequest): Target {
    if (this.#options.upstreams.length === 0) return this.#hostedOnly(repository); // whatever host the client named
    const reserved = this.#reserved({ repository, sourceHost, host });
    if (reserved) return reserved;
    const prefixed = this.#byPrefix(repository);
    if (sourceHost !== undefined) {
      const upstream = this.#bySourceHost(sourceHost);
      // BuildKit and k3s can send both; a prefix that names the same upstream is not part of the name.
      return this.#pulled(upstream, prefixed?.upstream === upstream ? prefixed.rest : repository, 'ns');
    }
    if (this.#isHosted(repository)) return this.#hosted(repository);
    if (prefixed) return this.#pulled(prefixed.upstream, prefixed.rest, 'prefix');
    const named = this.#byHost(host);
    if (!named && this.#default) this.#checkPrefix(this.#default, repository);
    const upstream = named ?? this.#default;
    if (upstream) return this.#pulled(upstream, repository, named ? 'host' : 'default');
    throw new RegistryError('NAME_UNKNOWN', `no upstream for ${repository}; prefix it with one of: ${this.#known()}`);
  }

  /** Whether a name has the image for verification instead of content. */
  isReserved(repository: string): boolean {
    const { upstreams, verify } = this.#options;
    return upstreams.length > 0 && verify !== undefined && parseVerifyName(repository) !== undefined;
  }

  /** Whether the registry of a target serves its repository, and does not refuse it by name. */
  isAllowed({ registry, repository }: Target): boolean {
    const upstream = this.#options.upstreams.find((candidate) => candidate.registry === registry);
    return upstream?.isAllowed?.(repository) ?? true;
  }

  #isVisible(stored: string, caller: AccessCaller): boolean {
    const found = this.#isHosted(stored) ? undefined : findOwner(this.#options.upstreams, stored);
    return found?.upstream.access?.isAdmitted(found.repository, caller) ?? true;
  }

  /** Also for registries that are not configured: the client is set up to come here for them. */
  #reserved({ repository, sourceHost, host }: RouteRequest): Target | undefined {
    const { verify: registry } = this.#options;
    const name = registry && parseVerifyName(repository);
    if (!registry || !name) return undefined;
    const { nonce, prefix } = name;
    const byHost = this.#byHost(host)?.name;
    const namedBy: NamedBy =
      sourceHost === undefined ? (prefix === undefined ? (byHost === undefined ? 'default' : 'host') : 'prefix') : 'ns';
    const verification = { nonce, namedBy, namespace: sourceHost ?? prefix ?? byHost };
    const stored = verifyName(nonce);
    return { registry, repository: stored, storedAs: stored, sourceHost: undefined, verification };
  }

  #hostedOnly(repository: string): Target {
    if (this.#options.hostedNames.length === 0 || this.#isHosted(repository)) return this.#hosted(repository);
    throw new RegistryError('NAME_UNKNOWN', `${repository} is not a hosted name`);
  }

  #hosted(repository: string): Target {
    const { hosted: registry, heldHosted: held } = this.#options;
    return { registry, held, repository, storedAs: repository, sourceHost: undefined };
  }

  #pulled(upstream: UpstreamRoute, name: string, namedBy: NamedBy): Target {
    const target = toTarget(upstream, name, namedBy);
    if (upstream.storePrefix === '') this.#checkOwner(upstream, target.storedAs);
    return this.#isHosted(target.storedAs) ? this.#hosted(target.storedAs) : target;
  }

  /** Content of one upstream is never stored, or served, as that of another. @throws {RegistryError} `NAME_UNKNOWN` */
  #checkOwner(upstream: UpstreamRoute, stored: string): void {
    const owner = this.#options.upstreams.find(
      ({ storePrefix }) => storePrefix !== '' && stored.startsWith(`${storePrefix}/`),
    );
    if (!owner) return;
    throw new RegistryError('NAME_UNKNOWN', `${stored} belongs to upstream ${owner.name}, not to ${upstream.name}`);
  }

  #bySourceHost(sourceHost: string): UpstreamRoute {
    const upstream = this.#byName.get(sourceHost.toLowerCase()) ?? this.#anyNamespace;
    if (upstream) return upstream;
    const known = this.#known();
    throw new RegistryError(
      'NAME_UNKNOWN',
      `no upstream is configured for ns=${sourceHost.slice(0, 255)}; configured: ${known}`,
    );
  }

  #byPrefix(repository: string): { upstream: UpstreamRoute; rest: string } | undefined {
    const slash = repository.indexOf('/');
    if (slash === -1) return undefined;
    const upstream = this.#byName.get(repository.slice(0, slash).toLowerCase());
    return upstream && { upstream, rest: repository.slice(slash + 1) };
  }

  /**
   * A host in the name is the registry that the client means: Docker Hub has no such names, others may.
   *
   * @throws {RegistryError} `NAME_UNKNOWN`
   */
  #checkPrefix({ library, anyNamespace }: UpstreamRoute, repository: string): void {
    const slash = repository.indexOf('/');
    const first = repository.slice(0, Math.max(slash, 0));
    if (!library || anyNamespace || !/[.:]/.test(first)) return;
    const known = this.#known();
    throw new RegistryError('NAME_UNKNOWN', `no upstream is configured for ${first}; configured: ${known}`);
  }

  #byHost(host: string | undefined): UpstreamRoute | undefined {
    if (host === undefined) return undefined;
    return this.#byName.get(host.toLowerCase()) ?? this.#byName.get(host.toLowerCase().replace(/:\d+$/, ''));
  }

  #known(): string {
    return this.#options.upstreams.map((upstream) => upstream.name).join(', ');
  }
}

/** The upstream that a stored name belongs to: one of them may have no prefix. */
function findOwner<U extends Pick<UpstreamRoute, 'storePrefix'>>(
  upstreams: readonly U[],
  stored: string,
): { readonly upstream: U; readonly repository: string } | undefined {
  const isBelow = ({ storePrefix }: U) => storePrefix === '' || stored.startsWith(`${storePrefix}/`);
  const upstream = upstreams.filter(isBelow).sort((a, b) => b.storePrefix.length - a.storePrefix.length)[0];
  if (!upstream) return undefined;
  const { storePrefix } = upstream;
  return { upstream, repository: storePrefix === '' ? stored : stored.slice(storePrefix.length + 1) };
}

function toTarget(upstream: UpstreamRoute, name: string, namedBy: NamedBy): Target {
  const repository = parseRepositoryName(upstream.library && !name.includes('/') ? `library/${name}` : name);
  const storedAs = upstream.storePrefix === '' ? repository : `${upstream.storePrefix}/${repository}`;
  const { registry, held, relay, access, name: sourceHost } = upstream;
  return { registry, held, relay, access, repository, storedAs, sourceHost, namedBy };
}
