import { type ClientPlan, HEADER, registriesOf, type SetupClient, type SetupRequest } from '../plan.ts';
import { SetupError } from '../setup-error.ts';
import { parseToml, setInToml, type TomlSetting } from '../toml-edit.ts';
import { valueAt } from '../value-at.ts';

const FILE = '/etc/buildkit/buildkitd.toml';

/** For {@link ClientPlan.unenforced}. */
export const OPEN_BUILDS = 'BuildKit pulls from the registry when the cache fails, and no setting prevents that';

export const buildkit: SetupClient = {
  name: 'buildkit',
  title: 'BuildKit and buildx',
  plan,
  canWrite: (path) => path === FILE,
};

function plan(request: SetupRequest): ClientPlan {
  const { isEnforced } = request;
  return {
    changes: [{ path: FILE, merge: (existing) => buildkitdToml(request, existing) }],
    printed: [],
    takesEffect: `for a new builder: docker buildx create --use --buildkitd-config ${FILE}; else after a restart of buildkitd`,
    enforcement: '',
    unenforced: isEnforced ? OPEN_BUILDS : undefined,
    notes: ['The builder in Docker itself uses the mirrors of Docker.'],
  };
}

/** Adds the cache before other mirrors. */
export function buildkitdToml(request: SetupRequest, existing = ''): string {
  const { cache, ca } = request;
  const before = parseToml(existing, FILE);
  const host = ['registry', cache.host];
  const settings: TomlSetting[] = [
    ...registriesOf(request).map((registry) => {
      const keys = ['registry', registry];
      return { keys, key: 'mirrors', value: withFirst(valueAt(before, [...keys, 'mirrors']), cache.host) };
    }),
    ...(cache.isPlain ? [{ keys: host, key: 'http', value: true }] : []),
    ...(ca === undefined ? [] : [{ keys: host, key: 'ca', value: [ca.path] }]),
  ];
  const start = existing.trim() === '' ? HEADER : existing;
  return settings.reduce((text, setting) => setInToml(text, FILE, setting), start);
}

function withFirst(mirrors: unknown, host: string): string[] {
  if (mirrors === undefined) return [host];
  if (!Array.isArray(mirrors))
    throw new SetupError(`${FILE}: mirrors is not a list (repair the file first; nothing was changed)`);
  return mirrors.includes(host) ? (mirrors as string[]) : [host, ...(mirrors as string[])];
}
