import { type ClientPlan, type FileChange, HEADER, type SetupClient, type SetupRequest } from '../plan.ts';
import { setInYaml, type YamlSetting } from '../yaml-edit.ts';

export const k3s = kubernetesOf('k3s', 'k3s', 'k3s');
export const rke2 = kubernetesOf('rke2', 'RKE2', 'rke2-server');

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
  const trusted: YamlSetting[] =
    ca === undefined ? [] : [{ keys: ['configs', cache.host, 'tls', 'ca_file'], value: ca.path }];
  const mirrors = names.map((name): YamlSetting => ({ keys: ['mirrors', name, 'endpoint'], value: [cache.origin] }));
  const closed: YamlSetting[] = [{ keys: ['disable-default-registry-endpoint'], value: true }];
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

function yamlChange(path: string, settings: readonly YamlSetting[]): FileChange {
  return {
    path,
    merge(existing = '') {
      const text = setInYaml(existing, path, settings);
      return existing.trim() === '' ? `${HEADER}${text}` : text;
    },
  };
}
