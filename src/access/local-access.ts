import { matchGlobs } from '../matching/glob.ts';
import { parseReference, type Reference } from '../oci/reference.ts';
import { RegistryError } from '../oci/errors.ts';
import type {
  AccessCheckRequest,
  AccessControl,
  AccessEntry,
  AccessList,
  AccessQuery,
  AccessReport,
  ForgetAccess,
  ForgottenAccess,
} from '../operations/access-control.ts';
import { ControlError } from '../operations/control-error.ts';
import type { WantedContent } from '../registry/repository-access.ts';
import type { NamedDecision } from './decisions.ts';
import type { UpstreamAccess } from './upstream-access.ts';

const DEFAULT_LIMIT = 1_000;

export interface DecidedUpstream {
  readonly name: string;
  readonly access: UpstreamAccess;
  /** The stored name of a repository. */
  readonly storedName: (repository: string) => string;
}

export interface AccessChannel {
  /** @returns false when it reached none */
  announce(message: string): Promise<boolean>;
  /** @param onGap messages may have been missed */
  listen(onMessage: (message: string) => void, onGap: () => void): void;
}

export interface LocalAccessOptions {
  readonly upstreams: readonly DecidedUpstream[];
  /** The upstream that an image name belongs to. */
  readonly find: (name: string) => { readonly upstream: DecidedUpstream; readonly repository: string } | undefined;
  readonly groupsOf: (user: string) => Promise<readonly string[]>;
  /** Replicas that keep decisions in memory. Absent when there are none. */
  readonly channel?: AccessChannel | undefined;
  /** Decisions were removed from memory. */
  readonly onForgotten: () => Promise<void>;
}

/** The decisions of this process, and of the replicas that share them. */
export class LocalAccess implements AccessControl {
  readonly #options: LocalAccessOptions;

  constructor(options: LocalAccessOptions) {
    this.#options = options;
    options.channel?.listen(
      (message) => {
        for (const { access } of options.upstreams) access.endChecks();
        void this.#follow(parseRequest(message));
      },
      () => void this.#follow({ names: '**' }),
    );
  }

  async accessDecisions({ names, limit = DEFAULT_LIMIT }: AccessQuery): Promise<AccessList> {
    const matches = names === undefined ? () => true : matcherOf(names);
    const lists = await Promise.all(
      this.#options.upstreams.map(async (upstream) =>
        (await upstream.access.all()).map((named) => toEntry(upstream, named)),
      ),
    );
    const entries = lists.flat().filter(({ repository }) => matches(repository));
    entries.sort((a, b) => b.decidedAt - a.decidedAt);
    return { decisions: entries.slice(0, limit), isCut: entries.length > limit };
  }

  async checkAccess({ name, user = '' }: AccessCheckRequest): Promise<AccessReport> {
    const { image, wanted } = parseImage(name);
    const found = this.#options.find(image);
    if (!found) throw new ControlError('not-found', `${image} belongs to no upstream with private.access`);
    const { upstream, repository } = found;
    const groups = user === '' ? [] : await this.#options.groupsOf(user);
    const caller = { name: user, groups, authorization: undefined };
    const report = { repository: upstream.storedName(repository), upstream: upstream.name, groups };
    try {
      const { isPrivate, login } = await upstream.access.admit(repository, caller, wanted);
      const account = isPrivate && typeof login === 'object' && 'account' in login ? { account: login.account } : {};
      return { ...report, result: isPrivate ? 'allowed' : 'public', ...account };
    } catch (err) {
      if (!(err instanceof RegistryError)) throw err;
      return { ...report, result: err.code === 'UNAVAILABLE' ? 'unavailable' : 'refused' };
    }
  }

  async forgetAccess(request: ForgetAccess): Promise<ForgottenAccess> {
    matcherOf(request.names);
    let forgotten = 0;
    for (const { upstream, isForgotten } of this.#matches(request))
      forgotten += await upstream.access.forget(isForgotten);
    const isShared = (await this.#options.channel?.announce(JSON.stringify(request))) ?? true;
    await this.#options.onForgotten();
    // They would come back with Redis.
    if (!isShared) throw new ControlError('unavailable', 'Redis cannot be reached: replicas keep their decisions');
    return { forgotten };
  }

  /** Another replica has removed the shared decisions. */
  async #follow(request: ForgetAccess | undefined): Promise<void> {
    if (!request) return;
    for (const { upstream, isForgotten } of this.#matches(request)) upstream.access.forgetInMemory(isForgotten);
    await this.#options.onForgotten();
  }

  #matches({ names, identity }: ForgetAccess) {
    const matches = matcherOf(names);
    return this.#options.upstreams.map((upstream) => ({
      upstream,
      isForgotten: (named: NamedDecision) =>
        matches(upstream.storedName(named.repository)) && (identity === undefined || identityOf(named) === identity),
    }));
  }
}

function toEntry({ name, storedName }: DecidedUpstream, named: NamedDecision): AccessEntry {
  const { isAllowed, decidedAt, until } = named.decision;
  const repository = storedName(named.repository);
  return { repository, upstream: name, identity: identityOf(named), isAllowed, decidedAt, until };
}

function identityOf({ subject }: NamedDecision): string {
  return subject.replace(/^account:/, '');
}

function matcherOf(glob: string): (name: string) => boolean {
  try {
    return matchGlobs([glob]);
  } catch (err) {
    throw new ControlError('invalid', `${glob} is not a glob: ${err instanceof Error ? err.message : String(err)}`);
  }
}

function parseImage(name: string): { readonly image: string; readonly wanted: WantedContent } {
  const [, image = name, tag, digest] = /^(.+?)(?::([\w][\w.-]*))?(?:@(.+))?$/.exec(name) ?? [];
  const text = digest ?? tag;
  if (text === undefined) return { image, wanted: { kind: 'tags' } };
  return { image, wanted: { kind: 'manifest', reference: referenceOf(text) } };
}

function referenceOf(text: string): Reference {
  try {
    return parseReference(text);
  } catch (err) {
    throw new ControlError('invalid', err instanceof Error ? err.message : String(err));
  }
}

function parseRequest(message: string): ForgetAccess | undefined {
  try {
    const { names, identity } = JSON.parse(message) as Partial<ForgetAccess>;
    return typeof names === 'string' && names !== '' ? { names, identity } : undefined;
  } catch {
    return undefined;
  }
}
