import { describe, expect, it } from 'vitest';

import { Layover } from '../support/layover.ts';
import { pull } from './pulling.ts';
import { PushStorm } from './push-storm.ts';
import { expectNothingBroken } from './stored-data.ts';

const ROUNDS = 2;
/** Acknowledgements per round: the kill comes while the next pushes are at any point. */
const ACKNOWLEDGED = 15;

describe.each(['full', 'relaxed'])('with storage.filesystem.durability: %s', (durability) => {
  it(`${ROUNDS} kills during pushes lose nothing that was acknowledged`, { timeout: 120_000 }, async () => {
    const config = { storage: { filesystem: { durability } }, http: { secret: 'the same after the restart' } };
    await using layover = await Layover.startProcess({ config });
    for (let round = 0; round < ROUNDS; round++) {
      let mark = 0;
      const storm = new PushStorm(layover.url, async () => ++mark);
      const clients = Promise.all(['a', 'b', 'c', 'd'].map((name) => storm.run(`round${round}/${name}`)));
      await expect
        .poll(() => storm.acknowledged.length, { timeout: 60_000, interval: 5 })
        .toBeGreaterThan(ACKNOWLEDGED);
      await layover.kill('SIGKILL');
      await clients;
      await expectNothingBroken(layover);
      await layover.restart();
      for (const { path, digest } of storm.acknowledged)
        expect(await pull(`${layover.url}/v2/${path}`), path).toMatchObject({ status: 200, digest });
      await expectTags(layover, storm);
    }
  });
});

/** Each tag is what it was last acknowledged as, or what was being pushed. */
async function expectTags({ url }: Layover, storm: PushStorm): Promise<void> {
  for (const [path, pushes] of storm.tags) {
    const last = pushes.findLastIndex(({ acknowledged }) => acknowledged !== undefined);
    if (last < 0) continue;
    const possible = pushes.slice(last).map(({ digest }) => digest);
    expect(possible, path).toContain((await pull(`${url}/v2/${path}`)).digest);
  }
}
