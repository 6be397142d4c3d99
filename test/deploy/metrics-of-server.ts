import { Layover } from '../support/layover.ts';
import { type KnownMetrics, knownMetrics } from './known-metrics.ts';

/** What a server really has on its metrics page. */
export async function metricsOfServer(): Promise<KnownMetrics> {
  await using layover = await Layover.start({
    config: { http: { debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } } },
  });
  return knownMetrics(await (await fetch(`${layover.debugUrl}/metrics`)).text());
}
