import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Hub } from '../support/hub.ts';
import { Images } from '../support/images.ts';
import { type ConfigObject, dockerHubUpstream, Layover, type LayoverOptions } from '../support/layover.ts';
import { type CollectedSpan, TraceCollector } from '../support/trace-collector.ts';

const images = new Images();
const image = images.addImage('library/app', '1', { layers: [300_000] });
const [, layer] = image.layers;

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const PARENT_ID = 'b7ad6b7169203331';
const SAMPLED = { traceparent: `00-${TRACE_ID}-${PARENT_ID}-01` };
/** Batches are sent at once instead of every 5 s. OpenTelemetry reads it from the environment of its process, which is often this one. */
const QUICK = { OTEL_BSP_SCHEDULE_DELAY: '20' };
/** OpenTelemetry's numbers. */
const [SERVER, CLIENT] = [2, 3];
const FAILED = 2;
/** Longest wait for something of another process. Milliseconds. */
const WAIT_MS = 15_000;

/** Tells at its end how many files of OpenTelemetry it has loaded; its interfaces alone are what prom-client knows. */
const COUNT_MODULES = `
import { createRequire } from 'node:module';
const { cache } = createRequire('/');
process.on('exit', () => console.log('loaded ' + Object.keys(cache).filter((name) => /@opentelemetry.(?!api.)/.test(name)).length + ' files'));
`;

async function scene(
  tracing: ConfigObject | undefined,
  options: Pick<LayoverOptions, 'env' | 'nodeArguments' | 'ownProcess'> = {},
) {
  const hub = await Hub.start(images);
  const layover = await Layover.start({
    env: QUICK,
    config: { proxy: { upstreams: [dockerHubUpstream(hub)] }, ...(tracing && { tracing }) },
    ...options,
  });
  return {
    hub,
    layover,
    pull: (path: string, headers: Record<string, string> = {}) => pull(`${layover.url}${path}`, headers),
    async [Symbol.asyncDispose]() {
      await layover[Symbol.asyncDispose]();
      await hub[Symbol.asyncDispose]();
    },
  };
}

async function pull(url: string, headers: Record<string, string> = {}): Promise<number> {
  const response = await fetch(url, { headers });
  await response.arrayBuffer();
  return response.status;
}

const isRequest = ({ kind }: CollectedSpan) => kind === SERVER;

beforeEach(() => {
  for (const [name, value] of Object.entries(QUICK)) vi.stubEnv(name, value);
});
afterEach(() => vi.unstubAllEnvs());

describe('traces', () => {
  it("go on with the client's, from the request to upstream and storage, for a blob that has to be fetched", async () => {
    await using collector = await TraceCollector.start();
    await using running = await scene({
      endpoint: collector.url,
      servicename: 'cache-1',
      headers: { 'x-tenant': 'a' },
    });
    const { hub, layover } = running;
    expect(await running.pull(`/v2/library/app/blobs/${layer}`, { ...SAMPLED, baggage: 'user=me' })).toBe(200);
    await layover.settled();
    await vi.waitFor(() => {
      expect(collector.spans.filter(isRequest)).toHaveLength(1);
      expect(collector.spans.map(({ name }) => name)).toContain('fill');
    }, WAIT_MS);

    const request = collector.spans.find(isRequest);
    expect(request).toMatchObject({
      traceId: TRACE_ID,
      parentSpanId: PARENT_ID,
      name: 'GET /v2/{name}/blobs/{digest}',
      attributes: {
        'http.response.status_code': 200,
        'http.response.body.size': 300_000,
        'layover.repository': 'library/app',
        'layover.reference': layer,
        'layover.outcome': 'MISS',
        'layover.upstream': 'docker.io',
      },
      resource: { 'service.name': 'cache-1' },
    });
    // Everything is of this trace, below this request.
    for (const span of collector.spans) {
      expect([span.traceId, collector.ancestry(span).at(-1)]).toEqual([TRACE_ID, request?.name]);
    }
    const ways = collector.spans.map((span) => collector.ancestry(span).slice(0, -1).join(' < '));
    expect(ways).toEqual(
      expect.arrayContaining([
        'storage Stat',
        'fill',
        'upstream blob < fill',
        'upstream token < fill',
        'upstream redirect < fill',
        'storage Writer < fill',
      ]),
    );
    const attempts = collector.spans.filter(({ kind }) => kind === CLIENT);
    expect(attempts.map(({ attributes }) => attributes['http.response.status_code'])).toEqual([401, 200, 307, 200]);
    expect(collector.requests[0]).toMatchObject({ url: '/v1/traces', headers: { 'x-tenant': 'a' } });
    await layover.waitForOutput(new RegExp(`trace_id=${TRACE_ID}`));
    // A third party learns nothing of the trace, and the collector no secret.
    expect(hub.requests.all.map(({ headers }) => [headers['traceparent'], headers['baggage']])).toEqual(
      hub.requests.all.map(() => [undefined, undefined]),
    );
    expect(JSON.stringify(collector.spans)).not.toMatch(/bearer|signature|token=/i);
  });

  it('tell the upstreams that are to be told, and no token server and no CDN', async () => {
    await using collector = await TraceCollector.start();
    await using running = await scene({ endpoint: collector.url, propagateto: ['docker.io'] });
    expect(await running.pull(`/v2/library/app/blobs/${layer}`, { ...SAMPLED, baggage: 'user=me' })).toBe(200);
    await running.layover.settled();
    await vi.waitFor(() => expect(collector.spans.map(({ name }) => name)).toContain('fill'), WAIT_MS);
    const idOf = (status: number) =>
      collector.spans.find(({ attributes: a }) => a['http.response.status_code'] === status)?.spanId;
    expect(
      running.hub.requests.all.map(({ kind, headers }) => [kind, headers['traceparent'], headers['baggage']]),
    ).toEqual([
      ['unauthorized', `00-${TRACE_ID}-${idOf(401)}-01`, undefined],
      ['token', undefined, undefined],
      ['blob-get', `00-${TRACE_ID}-${idOf(307)}-01`, undefined],
      ['cdn-get', undefined, undefined],
    ]);
  });

  it('show an upstream that fails as the failure of a request', async () => {
    await using collector = await TraceCollector.start();
    await using running = await scene({ endpoint: collector.url });
    await running.hub.stop();
    expect(await running.pull('/v2/library/app/manifests/1', SAMPLED)).toBe(502);
    await vi.waitFor(() => expect(collector.spans.filter(isRequest)).toHaveLength(1), WAIT_MS);
    expect(collector.spans.find(isRequest)).toMatchObject({ status: { code: FAILED } });
    const attempts = collector.spans.filter(({ kind }) => kind === CLIENT);
    expect(attempts.length).toBeGreaterThan(0);
    for (const { attributes, status } of attempts) {
      expect([attributes['error.type'], status.code]).toEqual(['error:network', FAILED]);
    }
  });

  it('are begun by nobody but the sampler, unless the client keeps its own', async () => {
    await using collector = await TraceCollector.start();
    await using running = await scene({ endpoint: collector.url, samplerratio: 0 });
    expect(await running.pull('/v2/library/app/manifests/1')).toBe(200);
    expect(await running.pull('/v2/', SAMPLED)).toBe(200);
    await vi.waitFor(() => expect(collector.spans.length).toBeGreaterThan(0), WAIT_MS);
    expect(collector.spans.map(({ name, traceId }) => [name, traceId])).toEqual([['GET /v2/', TRACE_ID]]);
  });

  it('are turned on by the variables of OpenTelemetry alone', async () => {
    await using collector = await TraceCollector.start();
    await using running = await scene(undefined, {
      env: {
        ...QUICK,
        OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/otlp/`,
        OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%20b',
        OTEL_SERVICE_NAME: 'by-environment',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment=test',
      },
    });
    expect(await running.pull('/v2/')).toBe(200);
    await vi.waitFor(() => expect(collector.spans).toHaveLength(1), WAIT_MS);
    expect(collector.spans[0]?.resource).toMatchObject({
      'service.name': 'by-environment',
      'deployment.environment': 'test',
    });
    expect(collector.requests[0]).toMatchObject({ url: '/otlp/v1/traces', headers: { 'x-key': 'a b' } });
  });

  it('are sent when the process ends', async () => {
    await using collector = await TraceCollector.start();
    await using running = await scene({ endpoint: collector.url }, { env: { OTEL_BSP_SCHEDULE_DELAY: '3600000' } });
    expect(await running.pull('/v2/')).toBe(200);
    expect((await running.layover.kill('SIGTERM')).code).toBe(0);
    expect(collector.spans.map(({ name }) => name)).toEqual(['GET /v2/']);
  });

  it('cost no request and no end when the collector is gone or hangs, which is said once', async () => {
    await using collector = await TraceCollector.start();
    await using running = await scene({ endpoint: collector.url, timeout: '100ms' });
    const { layover } = running;
    await collector.stop();
    const linesOf = (text: string) => layover.output.split('\n').filter((line) => line.includes(text));
    for (let i = 0; i < 20; i++) expect(await running.pull('/v2/')).toBe(200);
    await layover.waitForOutput(/trace export failed/);
    for (let i = 0; i < 20; i++) expect(await running.pull('/v2/')).toBe(200);
    await collector.resume();
    await vi.waitFor(async () => {
      await running.pull('/v2/');
      expect(linesOf('trace export resumed')).toHaveLength(1);
    }, WAIT_MS);
    expect(linesOf('trace export failed')).toHaveLength(1);

    collector.hangs = true;
    expect(await running.pull('/v2/')).toBe(200);
    expect((await layover.kill('SIGTERM')).code).toBe(0);
  });

  it.each([
    ['none without a configuration', undefined, /loaded 0 files/],
    ['some when it is turned on', { enabled: true, endpoint: 'http://127.0.0.1:1' }, /loaded [1-9]\d* files/],
  ])('need the packages of OpenTelemetry: %s', async (_title, tracing, loaded) => {
    const nodeArguments = ['--import', `data:text/javascript,${encodeURIComponent(COUNT_MODULES)}`];
    await using running = await scene(tracing, { nodeArguments, ownProcess: true });
    expect(await running.pull('/v2/library/app/manifests/1', SAMPLED)).toBe(200);
    await running.layover.kill('SIGTERM');
    expect(running.layover.output).toMatch(loaded);
  });
});
