import { request as httpRequest } from 'node:http';
import { join } from 'node:path';

import type { Redis } from 'ioredis';

import type { Hub } from '../support/hub.ts';
import { type ConfigObject, dockerHubUpstream, Layover } from '../support/layover.ts';
import { freePort } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export interface ReplicaOptions {
  readonly hub: Pick<Hub, 'url'>;
  /** `host:port`; alone without it. */
  readonly redis: string | undefined;
  /** Of all replicas. Default: one directory. */
  readonly storage?: ConfigObject;
  readonly count?: number;
  /** More for `proxy`. */
  readonly proxy?: ConfigObject;
}

const METRICS = { addr: '127.0.0.1:0', prometheus: { enabled: true } };

/** Replicas of one cache: the same storage and Redis, each with spools of its own. */
export async function startReplicas({ hub, redis, storage, count = 3, proxy = {} }: ReplicaOptions) {
  const directory = await temporaryDirectory();
  const replicas: Layover[] = [];
  for (let i = 0; i < count; i++) {
    const port = await freePort();
    const advertise = `http://127.0.0.1:${port}`;
    const config: ConfigObject = {
      http: { addr: `127.0.0.1:${port}`, draintimeout: '5s', debug: METRICS },
      log: { level: redis === undefined ? 'debug' : 'info' },
      ...(storage && { storage }),
      // On a busy machine 20 ms can pass unnoticed; here it is the replicas that are looked at.
      ...(redis && { redis: { addrs: [redis], deadline: '1s' } }),
      proxy: {
        ...proxy,
        upstreams: [dockerHubUpstream(hub, { tags: { ttl: '1h' } })],
        fills: { directory: join(directory.path, `spools-${i}`), ...(redis && { advertise }) },
      },
    };
    const replica = await Layover.startProcess({ dataDirectory: join(directory.path, 'data'), config });
    replicas.push(replica);
    // It listens before it knows Redis, and would fetch for itself until then.
    if (redis) await replica.waitForOutput(/Redis available/);
  }
  return {
    replicas,
    async [Symbol.asyncDispose]() {
      for (const replica of replicas) await replica[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** The replica that has the lease of a fill under way. */
export async function findFiller(replicas: readonly Layover[], admin: Redis): Promise<Layover | undefined> {
  for (const key of await admin.keys('layover:v1:lease:*')) {
    if (key.endsWith(':token')) continue;
    const value = await admin.get(key);
    const filler = replicas.find((replica) => value?.endsWith(replica.url));
    if (filler) return filler;
  }
  return undefined;
}

export interface Compared {
  readonly status: number;
  /** Bytes that came. */
  readonly bytes: number;
  /** Every one of them is what it must be. */
  readonly isRight: boolean;
  /** The answer came to its proper end. */
  readonly isComplete: boolean;
}

export function isGood({ status, isComplete, isRight }: Compared): boolean {
  return status === 200 && isComplete && isRight;
}

/** One GET, compared with what it must be as it comes: cheaper than hashing hundreds of them. */
export function pullAndCompare(
  url: string,
  expected: Buffer,
  onBytes: (bytes: number) => void = () => {},
): Promise<Compared> {
  return new Promise((resolve) => {
    let [bytes, isRight, status] = [0, true, 0];
    const end = (isComplete: boolean) => resolve({ status, bytes, isRight, isComplete });
    const sent = httpRequest(url, { agent: false }, (answer) => {
      status = answer.statusCode ?? 0;
      answer.on('data', (chunk: Buffer) => {
        isRight &&= chunk.equals(expected.subarray(bytes, bytes + chunk.length));
        bytes += chunk.length;
        onBytes(chunk.length);
      });
      answer.on('end', () => end(answer.complete && bytes === expected.length));
      answer.on('error', () => end(false));
    });
    sent.on('error', () => end(false));
    sent.end();
  });
}
