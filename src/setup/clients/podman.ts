import { type ClientPlan, HEADER, registriesOf, type SetupClient, type SetupRequest } from '../plan.ts';
import { caChanges, isCaFile } from './ca-file.ts';

const FILE = '/etc/containers/registries.conf.d/50-layover.conf';
const CERTS = '/etc/containers/certs.d';

const canWrite = (path: string) => path === FILE || isCaFile(path, CERTS);

export const podman: SetupClient = {
  name: 'podman',
  title: 'Podman, Buildah and skopeo',
  plan: (request) => plan(request),
  canWrite,
};

export const crio: SetupClient = {
  name: 'cri-o',
  title: 'CRI-O',
  plan: (request) => ({ ...plan(request), takesEffect: 'after `systemctl reload crio`' }),
  canWrite,
};

function plan(request: SetupRequest): ClientPlan {
  // The tables come last in the file: a key below them would belong to the last one.
  const text = registriesOf(request)
    .map((registry) => entryOf(registry, request))
    .join('\n');
  return {
    changes: [{ path: FILE, merge: () => `${HEADER}${text}` }, ...caChanges(CERTS, request)],
    printed: [],
    takesEffect: 'at once',
    enforcement: request.isEnforced ? 'the cache is the location of each registry, so there is no fallback' : '',
    notes: ['A file with the same prefix that is read later, such as 99-other.conf, overrides this one.'],
  };
}

function entryOf(registry: string, { cache, isEnforced }: SetupRequest): string {
  const insecure = cache.isPlain ? 'insecure = true\n' : '';
  const location = `location = "${cache.host}/${registry}"\n${insecure}`;
  const table = `[[registry]]\nprefix = "${registry}"\n`;
  return isEnforced ? `${table}${location}` : `${table}location = "${registry}"\n[[registry.mirror]]\n${location}`;
}
