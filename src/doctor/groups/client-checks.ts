import { randomBytes } from 'node:crypto';

import { type ClientMachine, dockerHasMirror, podmanHasMirror } from '../../setup/has-mirror.ts';
import { verifyClient } from '../../setup/verify-client.ts';
import { type Check, type CheckResult, type DoctorContext, failed, ok, skipped } from '../check.ts';
import { serverUrl } from '../server-url.ts';

interface Client {
  readonly name: string;
  /** Some cache or mirror is configured, so that a pull past it is a fault. */
  readonly hasMirror: (machine: ClientMachine) => Promise<boolean>;
}

/** Those that pull without more settings. */
const CLIENTS: readonly Client[] = [
  { name: 'docker', hasMirror: dockerHasMirror },
  { name: 'podman', hasMirror: podmanHasMirror },
];
/** Below that of a check, so that no program is left. Milliseconds. */
const TIMEOUT_MS = 4_500;

export function clientChecks(context: DoctorContext): readonly Check[] {
  return context.isBefore
    ? []
    : CLIENTS.map((client) => ({ name: client.name, run: () => checkClient(client, context) }));
}

async function checkClient({ name, hasMirror }: Client, context: DoctorContext): Promise<CheckResult> {
  const { env, loaded, server, machine } = context;
  const nonce = randomBytes(16).toString('hex');
  const results = await verifyClient(name, {
    registries: ['docker.io'],
    nonce,
    env,
    certsDirectory: '',
    timeoutMs: TIMEOUT_MS,
  });
  const [result] = results ?? [];
  if (!result) return skipped('it is not on this machine');
  if (result.isServed) return ok('pulls docker.io through a cache');
  if (result.isUnreachable) return skipped(`its daemon cannot be reached: ${result.reason}`);
  const address = (server ?? (loaded ? serverUrl(loaded.config) : '')) || 'URL';
  const remedy = `layover setup ${name} --address ${address} --write`;
  if (!(await hasMirror({ root: machine.root, home: env['HOME'] })))
    return skipped(`it is not set up for a cache, which \`${remedy}\` does`);
  return failed(`${name} pulls docker.io past the cache: ${result.reason}`, remedy, 'the-client-pulls-past-the-cache');
}
