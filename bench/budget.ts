import type { IncomingMessage, ServerResponse } from 'node:http';

import { digestOf } from '../src/oci/digest.ts';
import { type FleetDay, MEDIA_TYPE, personalLimit, RebuiltImages, runDay } from '../test/budget/ci-fleet.ts';
import { simulateDay } from '../test/budget/simulated-day.ts';
import { FakeClock } from '../test/support/fake-clock.ts';
import type { RateLimit } from '../test/support/rate-limit.ts';
import { startServer } from '../test/support/start-server.ts';
import { type Contender, startDistribution, startOtherDistribution } from './contenders.ts';

const DIGEST = /^sha256:/;
const PATH = /^\/v2\/(.+)\/manifests\/([^/?]+)$/;

/** Docker Hub for manifests, with a limit and moving tags, at the time of a clock. */
class FleetHub {
  readonly counts = { pulls: 0, refused: 0 };
  readonly images: RebuiltImages;
  readonly #limit: RateLimit;

  constructor(clock: FakeClock) {
    this.images = new RebuiltImages(clock);
    this.#limit = personalLimit(clock);
  }

  readonly respond = (req: IncomingMessage, res: ServerResponse): void => {
    const [, name, reference] = PATH.exec(req.url ?? '') ?? [];
    if (name === undefined || reference === undefined) return void res.end('{}');
    if (req.method === 'GET' && this.#limit.spent) {
      this.counts.refused++;
      const { status, headers, body } = this.#limit.answer();
      return void res.writeHead(status, headers).end(body);
    }
    if (req.method === 'GET') {
      this.counts.pulls++;
      this.#limit.count();
    }
    this.#send(
      res,
      DIGEST.test(reference) ? this.images.withDigest(reference) : this.images.atTag(name, reference).bytes,
    );
  };

  #send(res: ServerResponse, bytes: Buffer | undefined): void {
    if (bytes === undefined) return void res.writeHead(404).end();
    const digest = { 'docker-content-digest': digestOf(bytes), 'content-length': bytes.length };
    res.writeHead(200, { ...this.#limit.headers(), ...digest, 'content-type': MEDIA_TYPE }).end(bytes);
  }
}

/** A day of a cache that is another process. Its own clock is that of the system. */
async function runAgainst(
  start: (hub: { url: string }) => Promise<Contender | undefined>,
): Promise<{ readonly name: string; readonly day: FleetDay } | undefined> {
  const clock = new FakeClock();
  const hub = new FleetHub(clock);
  await using server = await startServer(hub.respond);
  await using cache = await start(server);
  if (!cache) return undefined;
  const day = await runDay(clock, async (name, tag) => {
    const response = await fetch(`${cache.url}/v2/${name}/manifests/${tag}`, { headers: { accept: MEDIA_TYPE } });
    const bytes = Buffer.from(await response.arrayBuffer());
    if (response.status !== 200) throw new Error(String(response.status));
    return bytes.equals(hub.images.atTag(name, tag).bytes) ? 'current' : 'stale';
  });
  return { name: cache.name, day: { ...day, ...hub.counts } };
}

/** A day of 300 CI jobs an hour, and 200 pulls in 6 hours: with the rules of `budget`, without them, and of other caches. */
export async function measureBudget(): Promise<string> {
  const days = [
    { name: 'layover', day: await simulateDay({ isGoverned: true }) },
    { name: 'layover without its rules', day: await simulateDay({ isGoverned: false }) },
    await runAgainst(startDistribution),
    await runAgainst(startOtherDistribution),
  ];
  const rows = days.flatMap((each) =>
    each ? [`| ${each.name} | ${each.day.failed} | ${each.day.refused} | ${each.day.pulls} | ${each.day.stale} |`] : [],
  );
  const head =
    '| A day of 7200 CI jobs, 200 pulls in 6 h | jobs failed | refused with 429 | pulls | jobs with an older image |';
  return [head, '| --- | --- | --- | --- | --- |', ...rows].join('\n');
}
