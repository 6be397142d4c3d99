import { parseDocument } from 'yaml';

import { type ClientPlan, type FileChange, HEADER, type SetupClient, type SetupRequest } from '../plan.ts';
import { SetupError } from '../setup-error.ts';
import { valueAt } from '../value-at.ts';

export const k3s = kubernetesOf('k3s', 'k3s', 'k3s');
export const rke2 = kubernetesOf('rke2', 'RKE2', 'rke2-server');

type Setting = readonly [keys: readonly string[], value: unknown];

function kubernetesOf(name: string, title: string, unit: string): SetupClient {
  const directory = `/etc/rancher/${name}`;
  return {
    name,
    title,
    plan: (request) => plan(request, directory, unit),
    canWrite: (path) => path === `${directory}/registries.yaml` || path === `${directory}/config.yaml`,
  };
}

function plan(request: SetupRequest, directory: string, unit: string): ClientPlan {
  const { cache, ca, isEnforced, registries } = request;
  const names = registries.length > 0 ? registries : ['*'];
  const trusted: Setting[] = ca === undefined ? [] : [[['configs', cache.host, 'tls', 'ca_file'], ca.path]];
  const mirrors = names.map((name): Setting => [['mirrors', name, 'endpoint'], [cache.origin]]);
  const closed: Setting[] = [[['disable-default-registry-endpoint'], true]];
  return {
    changes: [
      yamlChange(`${directory}/registries.yaml`, [...mirrors, ...trusted]),
      ...(isEnforced ? [yamlChange(`${directory}/config.yaml`, closed)] : []),
    ],
    printed: [],
    takesEffect: `after \`systemctl restart ${unit}\` on each node (of an agent: ${unit.replace('-server', '')}-agent), which stops no container`,
    enforcement: isEnforced ? 'disable-default-registry-endpoint is set, so containerd has the cache alone' : '',
    notes: ['Each node has its own files.'],
  };
}

/** Sets values in a YAML file and leaves the rest as it is, with its comments. Lists get theirs before other entries. */
function yamlChange(path: string, settings: readonly Setting[]): FileChange {
  return {
    path,
    merge(existing = '') {
      const document = parseDocument(existing);
      const [error] = document.errors;
      if (error)
        throw new SetupError(
          `${path}: ${error.message.split('\n', 1)[0]} (repair the file first; nothing was changed)`,
        );
      const content: unknown = document.toJS() ?? {};
      if (typeof content !== 'object' || Array.isArray(content))
        throw new SetupError(`${path}: not a mapping (repair the file first; nothing was changed)`);
      const missing = settings.filter(([keys, value]) => !isSet(content, keys, value));
      if (missing.length === 0) return existing;
      for (const [keys, value] of missing) document.setIn(keys, withFirst(value, content, keys));
      return `${existing.trim() === '' ? HEADER : ''}${document.toString({ lineWidth: 0 })}`;
    },
  };
}

function isSet(content: unknown, keys: readonly string[], value: unknown): boolean {
  const found = valueAt(content, keys);
  return Array.isArray(value) && Array.isArray(found) ? found.includes(value[0]) : found === value;
}

function withFirst(value: unknown, content: unknown, keys: readonly string[]): unknown {
  const found = valueAt(content, keys);
  return Array.isArray(value) && Array.isArray(found) ? [...value, ...found] : value;
}
