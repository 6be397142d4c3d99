import { matchGlobs } from '../matching/glob.ts';
import { RegistryError } from '../oci/errors.ts';
import { parseRepositoryName } from '../oci/reference.ts';
import type { NameFilter } from '../filters/name-filter.ts';
import type { RegistryDeleter, RegistryLister, RegistryReader, RegistryWriter } from '../registry/registry.ts';
import type { Relay } from './relay.ts';

/** How requests find an upstream. */
export interface UpstreamRoute {
  readonly name: string;
  /** Other names, in `ns`, as path prefix and as `Host`. */
  readonly aliases: readonly string[];
  /** One-segment names mean `library/<name>`. */
  readonly library: boolean;
  readonly isDefault: boolean;
  /** Meant by every `ns` that is no other's name, as it may be a mirror of any registry. */
  readonly anyNamespace?: boolean | undefined;
  /** What goes before its names in the storage; may be empty. No slash at the end. */
  readonly storePrefix: string;
  readonly registry: RegistryReader & Omit<RegistryLister, 'listRepositories'>;
  /** Undefined: nothing is sent on to it. */
  readonly relay?: Relay | undefined;
  /** Absent: every name may be used. */
  readonly allows?: NameFilter | undefined;
}

export interface RouterOptions {
  readonly upstreams: readonly UpstreamRoute[];
  /** Globs over names that are never asked upstream. */
  readonly hosted: readonly string[];
  readonly local: RegistryReader & RegistryLister;
  /** For hosted names. Undefined: nothing can be pushed. */
  readonly writer: (RegistryWriter & RegistryDeleter) | undefined;
}

export interface Asked {
  readonly repository: string;
  /** The `ns` parameter. */
  readonly sourceHost: string | undefined;
  /** The `Host` header. */
  readonly host: string | undefined;
}

export interface Target {
  readonly registry: RegistryReader & Omit<RegistryLister, 'listRepositories'>;
  /** Undefined: it takes no content. */
  readonly writer: (RegistryWriter & RegistryDeleter) | undefined;
  /** Takes what is to be written instead; of an upstream that takes pushes through us. */
  readonly relay?: Relay | undefined;
  /** Which of the upstream's names may be used; absent: all of them. */
  readonly allows?: NameFilter | undefined;
  /** In the words of {@link registry}. */
  readonly repository: string;
  /** The name that it has in the storage. */
  readonly storedAs: string;
  /** For `OCI-Namespace`; undefined for hosted names. */
  readonly sourceHost: string | undefined;
}

/**
 * Which registry has a name: by `ns`, by the first part of the path, by `Host`, or the default upstream.
 * All of these are looked up in the configuration; none is ever dialled. The only upstream may be meant by every `ns`: names are stored and
 * authorized as without one, and `OCI-Namespace` has the upstream's name, as it is the upstream that was asked.
 *
 * What is hosted is found first, also by the name that an upstream's content has in our storage: nothing is fetched to where something can be
 * pushed, and what is pushed never stands for what an upstream has, unless the configuration hosts the upstream's own names.
 */
export class Router {
  readonly #options: RouterOptions;
  readonly #byName = new Map<string, UpstreamRoute>();
  readonly #default: UpstreamRoute | undefined;
  readonly #anyNamespace: UpstreamRoute | undefined;
  readonly #isHosted: (repository: string) => boolean;

  constructor(options: RouterOptions) {
    this.#options = options;
    for (const upstream of options.upstreams) {
      for (const name of [upstream.name, ...upstream.aliases]) this.#byName.set(name.toLowerCase(), upstream);
    }
    this.#default = options.upstreams.find((upstream) => upstream.isDefault);
    this.#anyNamespace = options.upstreams.find((upstream) => upstream.anyNamespace);
    this.#isHosted = matchGlobs(options.hosted);
  }

  /** @throws {RegistryError} `NAME_UNKNOWN` when no upstream is meant, or one that is not configured; `NAME_INVALID` */
  route({ repository, sourceHost, host }: Asked): Target {
    if (this.#options.upstreams.length === 0) return this.#local(repository); // whichever host the client meant
    const prefixed = this.#byPrefix(repository);
    if (sourceHost !== undefined) {
      const upstream = this.#bySourceHost(sourceHost);
      // BuildKit and k3s can send both; a prefix that says the same is not part of the name.
      return this.#pulled(upstream, prefixed?.upstream === upstream ? prefixed.rest : repository);
    }
    if (this.#isHosted(repository)) return this.#local(repository);
    if (prefixed) return this.#pulled(prefixed.upstream, prefixed.rest);
    const upstream = this.#byHost(host) ?? this.#default;
    if (upstream) return this.#pulled(upstream, repository);
    throw new RegistryError('NAME_UNKNOWN', `no upstream for ${repository}: put one of ${this.#known()} before it`);
  }

  #local(repository: string): Target {
    const { local, writer } = this.#options;
    return { registry: local, writer, repository, storedAs: repository, sourceHost: undefined };
  }

  #pulled(upstream: UpstreamRoute, name: string): Target {
    const target = toTarget(upstream, name);
    return this.#isHosted(target.storedAs) ? this.#local(target.storedAs) : target;
  }

  #bySourceHost(sourceHost: string): UpstreamRoute {
    const upstream = this.#byName.get(sourceHost.toLowerCase()) ?? this.#anyNamespace;
    if (upstream) return upstream;
    const known = this.#known();
    throw new RegistryError(
      'NAME_UNKNOWN',
      `no upstream is configured for ns=${sourceHost.slice(0, 255)}; there is ${known}`,
    );
  }

  #byPrefix(repository: string): { upstream: UpstreamRoute; rest: string } | undefined {
    const slash = repository.indexOf('/');
    if (slash === -1) return undefined;
    const upstream = this.#byName.get(repository.slice(0, slash).toLowerCase());
    return upstream && { upstream, rest: repository.slice(slash + 1) };
  }

  #byHost(host: string | undefined): UpstreamRoute | undefined {
    if (host === undefined) return undefined;
    return this.#byName.get(host.toLowerCase()) ?? this.#byName.get(host.toLowerCase().replace(/:\d+$/, ''));
  }

  #known(): string {
    return this.#options.upstreams.map((upstream) => upstream.name).join(', ');
  }
}

function toTarget(upstream: UpstreamRoute, name: string): Target {
  const repository = parseRepositoryName(upstream.library && !name.includes('/') ? `library/${name}` : name);
  const storedAs = upstream.storePrefix === '' ? repository : `${upstream.storePrefix}/${repository}`;
  const { registry, relay, allows, name: sourceHost } = upstream;
  return { registry, writer: undefined, relay, allows, repository, storedAs, sourceHost };
}
