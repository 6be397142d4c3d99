import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { dockerHubUpstream, Layover } from '../support/layover.ts';
import { findProgram } from '../support/programs.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { withoutVariables } from './promql.ts';
import { DEPLOY, panelQueries, readDashboard } from './read-dashboard.ts';

const program = await findProgram('prometheus');
if (!program) console.warn('skipped: no prometheus, as Debian’s package could not be unpacked (npm test says why)');
const images = new Images();
const image = images.addImage('library/app', '1', { layers: [64 * 1024, 64 * 1024] });

/** Panels without data while nothing fails, and of parts that are not configured. */
const EMPTY = [
  'Accounts',
  'Age of the trusted root',
  'Bytes of jobs',
  'Certificate expires in',
  'Checks of content',
  'Checks of private images',
  'Circuit breakers',
  'Clients refused',
  'Decisions about content',
  'Decisions about private images',
  'Failed requests to upstreams',
  'Housekeeping leader',
  'Images of jobs',
  'Last success of jobs',
  'Lists that pull offline',
  'Pulls empty in',
  'Pulls refused or delayed',
  'Redis calls, p99',
  'Redis errors',
  'Redis up',
  'References removed',
  'Repositories with a decision',
  'Retries',
  'Server errors',
  'Tags held by their age',
  'Webhook responses',
  'Webhooks lost',
  'Webhooks waiting',
];

describe.skipIf(!program)('a Prometheus that scrapes a cache', () => {
  let hub: Hub;
  let layover: Layover;
  let prometheus: Awaited<ReturnType<typeof startPrometheus>>;

  beforeAll(async () => {
    hub = await Hub.start(images);
    layover = await Layover.start({
      config: {
        http: { debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } },
        storage: { quota: { size: '1GiB' } },
        proxy: { upstreams: [dockerHubUpstream(hub)] },
      },
    });
    const { host } = new URL(layover.debugUrl);
    const rules = join(DEPLOY, 'prometheus/rules.yml');
    prometheus = await startPrometheus({ program: program ?? '', rules, target: host });
  });
  afterAll(async () => {
    for (const started of [prometheus, layover, hub]) await started?.[Symbol.asyncDispose]();
  });

  const pull = async () => {
    for (const path of ['manifests/1', 'manifests/none', ...image.layers.map((digest) => `blobs/${digest}`)]) {
      await fetch(`${layover.url}/v2/library/app/${path}`).then((response) => response.arrayBuffer());
    }
  };

  it('has data for each panel of the dashboard that a pull concerns', async () => {
    const queries = panelQueries(await readDashboard());
    const emptyPanels = async () => {
      await pull();
      const filled = new Set<string>();
      for (const { title, expr } of queries) {
        if ((await prometheus.count(withoutVariables(expr))) > 0) filled.add(title);
      }
      return [...new Set(queries.map(({ title }) => title))].filter((title) => !filled.has(title)).toSorted();
    };
    await expect.poll(emptyPanels).toEqual(EMPTY);
  });

  it('evaluates every rule, and no alert is raised', async () => {
    const unevaluated = async () => (await prometheus.rules()).filter(({ health }) => health !== 'ok');
    await expect.poll(unevaluated).toEqual([]);
    await expect.poll(() => prometheus.alerts()).toEqual([]);
  });

  it('raises an alert when it stops', async () => {
    await layover[Symbol.asyncDispose]();
    const raised = async () => (await prometheus.alerts()).map(({ labels }) => [labels.alertname, labels.job]);
    await expect.poll(raised).toEqual([['LayoverDown', 'layover']]);
  });
});
