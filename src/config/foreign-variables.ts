import { isIP } from 'node:net';
import type { Shape } from './shape.ts';
import { leadsToKey } from './variable-names.ts';

type Variables = Readonly<Record<string, string | undefined>>;

/** The program that sets a variable whose name starts with `REGISTRY_`. */
export type Foreigner = 'kubernetes' | 'podman';

/** Path of the logins of podman, buildah and skopeo. */
const PODMAN_AUTH_FILE = 'REGISTRY_AUTH_FILE';

const isPort = (value: string) => /^\d{1,5}$/.test(value);
const isAddress = (value: string) => /^(?:tcp|udp|sctp):\/\/[^/\s]+:\d{1,5}$/i.test(value);
const isProtocol = (value: string) => /^(?:tcp|udp|sctp)$/i.test(value);

/**
 * Suffixes that Kubernetes and Docker's links append to the name of each Service, with the form of the values.
 *
 * @see https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
const SERVICE_VARIABLES: readonly { suffix: RegExp; isValue: (value: string) => boolean }[] = [
  { suffix: /_SERVICE_HOST$/, isValue: (value) => isIP(value) !== 0 },
  { suffix: /_SERVICE_PORT(?:_[A-Z0-9_]+)?$/, isValue: isPort },
  { suffix: /_PORT_\d+_(?:TCP|UDP|SCTP)_ADDR$/, isValue: (value) => isIP(value) !== 0 },
  { suffix: /_PORT_\d+_(?:TCP|UDP|SCTP)_PORT$/, isValue: isPort },
  { suffix: /_PORT_\d+_(?:TCP|UDP|SCTP)_PROTO$/, isValue: isProtocol },
  { suffix: /_PORT(?:_\d+_(?:TCP|UDP|SCTP))?$/, isValue: isAddress },
];

/**
 * The other program that sets a `REGISTRY_` variable. For a Service called `registry-auth`, Kubernetes sets
 * `REGISTRY_AUTH_PORT` and six more.
 *
 * A known key never counts as foreign. Where any name can be a key, such as below `log.fields`, a variable is foreign only
 * together with all others that Kubernetes sets for the Service.
 */
export function foreignerOf(name: string, env: Variables, shape: Shape): Foreigner | undefined {
  if (name === PODMAN_AUTH_FILE) return 'podman';
  const services = servicesOf(name, env[name] ?? '');
  if (services.length === 0) return undefined;
  const isKey = leadsToKey(shape, name.split('_').slice(1));
  return !isKey || services.some((service) => isComplete(service, env)) ? 'kubernetes' : undefined;
}

/** Names of Services for which Kubernetes may have set this variable. */
function servicesOf(name: string, value: string): string[] {
  return SERVICE_VARIABLES.filter(({ suffix, isValue }) => suffix.test(name) && isValue(value)).map(({ suffix }) =>
    name.replace(suffix, ''),
  );
}

function isComplete(service: string, env: Variables): boolean {
  return ['_SERVICE_HOST', '_SERVICE_PORT', '_PORT'].every((end) =>
    servicesOf(service + end, env[service + end] ?? '').includes(service),
  );
}
