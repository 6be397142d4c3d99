import type { ClientPlan, FileChange, PrintedText, ReadExisting, SetupClient, SetupRequest } from '../plan.ts';
import { SetupError } from '../setup-error.ts';
import { headerOf, parseToml, setInToml } from '../toml-edit.ts';
import { valueAt } from '../value-at.ts';
import { ANY_REGISTRY, CLOSED_BY_HOSTS, hostsChange, isHostsFile } from './hosts-toml.ts';

const CONFIG = '/etc/containerd/config.toml';
const CERTS = '/etc/containerd/certs.d';

/** Where images of Kubernetes are configured. containerd 2 also reads files of version 2, with the older name. */
const CRI = {
  1: ['plugins', 'io.containerd.grpc.v1.cri', 'registry'],
  2: ['plugins', 'io.containerd.cri.v1.images', 'registry'],
} as const;

export const containerd: SetupClient = {
  name: 'containerd',
  title: 'containerd, for Kubernetes, nerdctl and ctr',
  plan,
  // Its directory is in the configuration.
  canWrite: (path) => path === CONFIG || isHostsFile(path),
};

function plan(request: SetupRequest, read: ReadExisting): ClientPlan {
  const { isEnforced, registries } = request;
  const existing = read(CONFIG);
  const configured = configPathOf(existing);
  const [directory = CERTS, ...others] = configured === '' ? [CERTS] : configured.split(':');
  const names = registries.length > 0 ? registries : [ANY_REGISTRY];
  const isSet = configured === directory;
  const config: FileChange = {
    path: CONFIG,
    merge: (text) => withConfigPath(text, directory),
    shown: isSet ? [] : shownConfig(existing, directory),
  };
  return {
    changes: [...names.map((name) => hostsChange(directory, name, request)), config],
    printed: [],
    takesEffect: isSet
      ? 'at once'
      : 'at once for hosts.toml; for config_path after `systemctl restart containerd`, which stops no container',
    enforcement: isEnforced ? CLOSED_BY_HOSTS : '',
    notes: [
      ...(others.length > 0
        ? [
            `config_path had several directories. containerd 2.1 and later ignores all of them then, without a log line (https://github.com/containerd/containerd/issues/12415); only ${directory} stays. Move what you need from ${others.join(', ')} there.`,
          ]
        : []),
      ...(registries.length === 0
        ? [`A directory of its own, such as ${directory}/docker.io, overrides _default.`]
        : []),
      `ctr needs --hosts-dir ${directory}; Kubernetes and nerdctl do not.`,
    ],
  };
}

/** Empty when it is not set. @throws {SetupError} for settings that exclude it */
function configPathOf(text = ''): string {
  const config = parseToml(text, CONFIG);
  for (const keys of Object.values(CRI)) {
    const registry = valueAt(config, keys);
    for (const old of ['mirrors', 'configs']) {
      if (valueAt(registry, [old]) === undefined) continue;
      const table = headerOf([...keys, old]);
      throw new SetupError(`${CONFIG}: ${table} excludes config_path (move its entries to ${CERTS} and remove it)`);
    }
    const path = valueAt(registry, ['config_path']);
    if (typeof path === 'string' && path !== '') return path;
  }
  return '';
}

function withConfigPath(existing = '', directory: string): string {
  if (configPathOf(existing) === directory) return existing;
  // Both containerd 1 and 2 read version 2.
  const text = existing.trim() === '' ? 'version = 2\n' : existing;
  return setInToml(text, CONFIG, { keys: CRI[pluginsOf(text)], key: 'config_path', value: directory });
}

/** Without a file, the version of containerd is not known. */
function shownConfig(existing = '', directory: string): readonly PrintedText[] {
  const textOf = (version: number) => withConfigPath(`version = ${version}\n`, directory);
  if (existing.trim() !== '') return [{ title: CONFIG, text: textOf(pluginsOf(existing) === 2 ? 3 : 2) }];
  return [
    { title: `${CONFIG} of containerd 2`, text: textOf(3) },
    { title: `${CONFIG} of containerd 1`, text: textOf(2) },
  ];
}

/** Which names a configuration has. @throws {SetupError} for one that has neither */
function pluginsOf(text: string): keyof typeof CRI {
  const version = valueAt(parseToml(text, CONFIG), ['version']) ?? 1;
  if (version === 1)
    throw new SetupError(`${CONFIG}: has version 1 (convert it with \`containerd config migrate\`, and repeat this)`);
  return version === 2 ? 1 : 2;
}
