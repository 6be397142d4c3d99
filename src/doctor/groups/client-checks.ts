import { randomBytes } from 'node:crypto';

import { verifyClient } from '../../setup/verify-client.ts';
import { type Check, type CheckResult, type DoctorContext, failed, ok, skipped } from '../check.ts';

/** Those that pull without more settings. */
const CLIENTS = ['docker', 'podman'];
/** Below that of a check, so that no program is left. Milliseconds. */
const TIMEOUT_MS = 4_500;

export function clientChecks({ env, isBefore }: DoctorContext): readonly Check[] {
  return isBefore ? [] : CLIENTS.map((name) => ({ name, run: () => checkClient(name, env) }));
}

async function checkClient(client: string, env: DoctorContext['env']): Promise<CheckResult> {
  const nonce = randomBytes(16).toString('hex');
  const results = await verifyClient(client, {
    registries: ['docker.io'],
    nonce,
    env,
    certsDirectory: '',
    timeoutMs: TIMEOUT_MS,
  });
  const [result] = results ?? [];
  if (!result) return skipped('it is not on this machine');
  if (result.isServed) return ok('pulls docker.io through a cache');
  return failed(
    `${client} pulls docker.io past the cache: ${result.reason}`,
    `layover setup ${client} --address URL --write`,
    'the-client-pulls-past-the-cache',
  );
}
