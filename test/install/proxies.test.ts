import { it } from 'vitest';

import { missingPrograms } from '../support/programs.ts';
import { Load } from './load.ts';
import { type ProxyName, startProxy } from './proxy.ts';
import { startTwoReplicas } from './two-replicas.ts';

const ROUNDS = 3;
/** Two proxies, four replicas and their clients share the machine. */
const PATIENT = { timeout: 60_000 };

const proxies: ProxyName[] = [];
for (const name of ['nginx', 'haproxy'] as const) {
  const missing = await missingPrograms([name, 'redis-server']);
  if (missing.length === 0) proxies.push(name);
  else console.warn(`skipped: restarts behind ${name}: this machine lacks ${missing.join(', ')}`);
}

// They wait most of the time.
it.concurrent.for(proxies)(
  'two replicas behind %s serve every pull and push while each of them is restarted three times',
  { timeout: 300_000 },
  async (name, { expect }) => {
    await using both = await startTwoReplicas();
    await using proxy = await startProxy(name, both.replicas);
    await using load = await Load.start(proxy);
    for (let round = 0; round < ROUNDS; round++) {
      for (const { layover, debugPort } of both.replicas) {
        const before = { pulls: load.pulls, pushes: load.pushed.size };
        await layover.restart();
        await expect.poll(() => isReady(debugPort), PATIENT).toBe(true);
        // Both replicas have served before the other one goes.
        await expect.poll(() => load.pulls > before.pulls && load.pushed.size > before.pushes, PATIENT).toBe(true);
      }
    }
    await load.end();
    expect(load.failures, proxy.output()).toEqual([]);
    for (const tag of load.pushed.keys()) await load.pull(tag);
    console.log(
      `${name}: ${load.pulls} pulls and ${load.pushed.size} pushes during ${ROUNDS * 2} restarts, none failed`,
    );
  },
);

async function isReady(debugPort: number): Promise<boolean> {
  const { status } = await fetch(`http://127.0.0.1:${debugPort}/readyz`);
  return status === 200;
}
