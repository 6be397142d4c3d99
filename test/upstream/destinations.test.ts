import { lookup } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import { describe, expect, it } from 'vitest';

import { Destinations, type Reach } from '../../src/upstream/destinations.ts';
import { HostZones } from '../../src/upstream/host-zones.ts';
import { UpstreamError } from '../../src/upstream/upstream.ts';
import { bytesOf } from '../support/read-body.ts';
import { connect, failureOf } from './support/connect.ts';
import { blob, blobDigest, LATEST, MANIFEST_TYPE, manifest } from './support/samples.ts';
import { sendBlob } from './support/send-blob.ts';
import { sendJson, startScripted } from './support/scripted-server.ts';

function destinationsOf(base: string, zones = new HostZones([])): Destinations {
  const neverConnect = () => {
    throw new Error('nothing is connected here');
  };
  return new Destinations({ upstream: 'up', base: new URL(base), zones, connect: neverConnect });
}

const resolved = (look: LookupFunction, hostname: string) =>
  new Promise((resolve) => look(hostname, { all: true }, (err, addresses) => resolve(err ?? addresses)));

function verdict(base: string, target: string, reach: Reach): 'refused' | 'allowed' {
  try {
    destinationsOf(base).check(new URL(target), reach);
    return 'allowed';
  } catch (err) {
    return err instanceof UpstreamError && err.kind === 'protocol' ? 'refused' : 'allowed';
  }
}

describe('the address in a URL', () => {
  const [outside, inside, here] = ['https://registry.example', 'http://10.0.0.5:5000', 'http://127.0.0.1:5000'];
  it.each([
    [outside, 'https://cdn.example/x', 'allowed', 'allowed'],
    [outside, 'https://10.0.0.9/x', 'allowed', 'refused'],
    [outside, 'https://127.0.0.1/x', 'refused', 'refused'],
    [outside, 'https://localhost/x', 'refused', 'refused'],
    [outside, 'https://a.localhost./x', 'refused', 'refused'],
    [outside, 'https://[::1]/x', 'refused', 'refused'],
    [outside, 'https://[::ffff:127.0.0.1]/x', 'refused', 'refused'],
    [outside, 'https://2130706433/x', 'refused', 'refused'],
    [outside, 'https://0x7f.1/x', 'refused', 'refused'],
    [outside, 'https://0.0.0.0/x', 'refused', 'refused'],
    [outside, 'https://169.254.169.254/latest/meta-data', 'refused', 'refused'],
    [inside, 'http://10.0.0.9:9000/x', 'allowed', 'allowed'],
    [inside, 'http://127.0.0.1/x', 'refused', 'refused'],
    [inside, 'http://169.254.169.254/x', 'refused', 'refused'],
    [here, 'http://127.0.0.1:9000/x', 'allowed', 'allowed'],
    [here, 'http://192.168.1.1/x', 'allowed', 'allowed'],
    [here, 'http://169.254.169.254/x', 'refused', 'refused'],
  ] as const)('of %s may lead to %s: a blob %s, all else %s', (base, target, forBlob, forOther) => {
    expect([verdict(base, target, 'into-private'), verdict(base, target, 'no-further')]).toEqual([forBlob, forOther]);
  });
});

describe('a name that resolves to this machine', () => {
  it('is refused to a registry outside, for every request', async () => {
    const destinations = destinationsOf('https://registry.example');
    for (const reach of ['into-private', 'no-further'] as const) {
      expect(await resolved(destinations.lookup(reach), 'localhost')).toMatchObject({ kind: 'protocol' });
    }
  });

  it('is allowed to one on this machine, by any name', async () => {
    const zones = new HostZones(['localhost']);
    await resolved(zones.lookup, 'localhost');
    const destinations = destinationsOf('http://localhost:5000', zones);
    expect(await resolved(destinations.lookup('no-further'), 'localhost')).toEqual(
      await lookup('localhost', { all: true }),
    );
  });
});

describe('a registry that leads to the metadata service of a cloud', () => {
  const METADATA = 'http://169.254.169.254/latest/meta-data/';
  it.each(['manifest', 'blob', 'tags', 'referrers'] as const)('is refused for a %s', async (what) => {
    await using registry = await startScripted((_req, res) => void res.writeHead(307, { location: METADATA }).end());
    await using up = connect(registry.url);
    const { upstream } = up;
    const calls = {
      manifest: () => upstream.fetchManifest('a', LATEST),
      blob: () => upstream.openBlob('a', blobDigest),
      tags: () => upstream.listTags('a', {}),
      referrers: () => upstream.listReferrers('a', blobDigest),
    };
    const failure = await failureOf(calls[what]());
    expect([failure.kind, failure.message]).toEqual([
      'protocol',
      expect.stringContaining('leads to 169.254.169.254, an internal address'),
    ]);
  });
});

it('redirects to another host on the same network are followed', async () => {
  await using stranger = await startScripted((req, res) =>
    req.url === '/m'
      ? void res.writeHead(200, { 'content-type': MANIFEST_TYPE }).end(manifest)
      : sendBlob(req, res, blob),
  );
  await using registry = await startScripted((req, res) => {
    if (req.url?.includes('/tags/')) return sendJson(res, 200, { tags: ['1'] });
    const to = req.url?.includes('/manifests/') ? 'm' : 'b';
    res.writeHead(307, { location: `${stranger.localhostUrl}/${to}` }).end();
  });
  await using up = connect(registry.url);
  expect((await up.upstream.fetchManifest('a', LATEST)).bytes).toEqual(manifest);
  expect((await bytesOf((await up.upstream.openBlob('a', blobDigest)).body)).equals(blob)).toBe(true);
});

describe('an upload', () => {
  it.each([
    ['https://10.0.0.1/v2/', 'http://10.0.0.1:8080/session?a=b', 'https://10.0.0.1/session?a=b'],
    ['http://127.0.0.1:5000', 'http://localhost:9/session', 'http://localhost:9/session'],
    ['https://r.example', 'https://user:pass@cdn.example/s', 'https://cdn.example/s'],
    ['https://r.example', '/v2/a/blobs/uploads/1', 'https://r.example/v2/a/blobs/uploads/1'],
    ['https://r.example', 'http://cdn.example/s', 'without TLS'],
    ['https://r.example', 'https://127.0.0.1/s', 'internal address'],
    ['https://r.example', 'https://192.168.0.1/s', 'internal address'],
    ['http://r.example', 'http://169.254.169.254/s', 'internal address'],
    ['http://r.example', 'file:///etc/passwd', 'leads to file:'],
    ['http://r.example', '', 'sent no valid Location'],
    ['http://r.example', 'http://[', 'sent no valid Location'],
  ])('of %s that continues at %s: %s', async (base, location, expected) => {
    await using up = connect(base);
    const from = new URL('/v2/a/blobs/uploads/', base);
    const found = () => up.upstream.uploadUrl(location, { from, status: 202 }).href;
    if (expected.startsWith('http')) expect(found()).toBe(expected);
    else expect(found).toThrow(expected);
  });
});
