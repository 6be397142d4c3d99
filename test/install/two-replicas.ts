import { join } from 'node:path';

import { Layover } from '../support/layover.ts';
import { freePort } from '../support/processes.ts';
import { RedisServer } from '../support/redis.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { open } from './opened.ts';

export interface Replica {
  readonly layover: Layover;
  readonly port: number;
  readonly debugPort: number;
}

const COUNT = 2;

/** As the proxies' files say: storage and Redis in common, and a drain delay. */
export function startTwoReplicas() {
  return open(async (use) => {
    const directory = use(await temporaryDirectory());
    const redis = use(await RedisServer.start());
    const replicas: Replica[] = [];
    for (let i = 0; i < COUNT; i++) {
      const port = await freePort();
      const debugPort = await freePort();
      const config = configOf({ port, debugPort, redis: redis.address });
      const layover = use(await Layover.startProcess({ dataDirectory: join(directory.path, 'data'), config }));
      replicas.push({ layover, port, debugPort });
    }
    return { replicas };
  });
}

function configOf({ port, debugPort, redis }: { port: number; debugPort: number; redis: string }) {
  return {
    http: {
      addr: `127.0.0.1:${port}`,
      secret: 'of both replicas',
      draindelay: '5s',
      trustedproxies: ['127.0.0.1/32'],
      debug: { addr: `127.0.0.1:${debugPort}` },
    },
    // On a busy machine 20 ms can pass unnoticed; here it is the restarts that are looked at.
    redis: { addrs: [redis], deadline: '1s' },
  };
}
