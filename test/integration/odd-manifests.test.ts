import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { DOCKER_MANIFEST, DOCKER_MANIFEST_LIST, OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { Layover } from '../support/layover.ts';
import { type ServedManifest, startManifestUpstream } from './manifest-upstream.ts';
import { errorCode, pull } from './pulling.ts';
import { expectNotStored, expectStored } from './stored-data.ts';

const MIB = 1024 * 1024;
const digest = digestOf(Buffer.from('x'));
const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: 1 };
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: 1 };
const image = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] };
const json = (value: unknown, label: string | undefined = OCI_MANIFEST): ServedManifest => ({
  bytes: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  label,
});

/** Each with bytes of its own: by digest a registry says one thing. */
const docker = (n: number) => ({ ...image, mediaType: DOCKER_MANIFEST, annotations: { n: String(n) } });

interface Odd extends ServedManifest {
  /** With which it is served. */
  readonly type: string;
  /** It is served, and not kept. */
  readonly isLoose?: boolean;
}

const ODD: Readonly<Record<string, Odd>> = {
  nolayers: { ...json({ ...image, layers: undefined }), type: OCI_MANIFEST },
  nulllayers: { ...json({ ...image, layers: null }), type: OCI_MANIFEST },
  noconfig: { ...json({ ...image, config: undefined }), type: OCI_MANIFEST },
  nullindex: { ...json({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: null }, OCI_INDEX), type: OCI_INDEX },
  noindex: { ...json({ schemaVersion: 2, mediaType: OCI_INDEX }, OCI_INDEX), type: OCI_INDEX },
  nosize: { ...json({ ...image, config: { ...config, size: undefined } }), type: OCI_MANIFEST },
  textsize: { ...json({ ...image, config: { ...config, size: '1' } }), type: OCI_MANIFEST },
  otherdigest: {
    ...json({ ...image, layers: [{ ...layer, digest: `blake3:${'a'.repeat(64)}` }] }),
    type: OCI_MANIFEST,
  },
  emptysubject: { ...json({ ...image, subject: {} }), type: OCI_MANIFEST },
  number: { ...json({ ...image, annotations: { a: 1 } }), type: OCI_MANIFEST },
  twice: { ...json(JSON.stringify(image).replace('"layers"', '"layers":[],"Layers":[],"layers"')), type: OCI_MANIFEST },
  both: { ...json({ ...image, manifests: [] }), type: OCI_MANIFEST },
  nothing: { ...json({ schemaVersion: 2 }), type: OCI_MANIFEST, isLoose: true },
  nojson: { ...json('not JSON'), type: OCI_MANIFEST, isLoose: true },
  deep: { ...json(`{"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`), type: OCI_MANIFEST, isLoose: true },

  // What a registry calls them.
  json: { ...json(docker(1), 'application/json'), type: DOCKER_MANIFEST },
  text: { ...json(docker(2), 'text/plain; charset=utf-8'), type: DOCKER_MANIFEST },
  octet: { ...json(docker(3), 'application/octet-stream'), type: DOCKER_MANIFEST },
  unlabelled: { ...json(docker(4)), label: undefined, type: DOCKER_MANIFEST },
  letters: { ...json(docker(5), `${DOCKER_MANIFEST.toUpperCase()};a=b`), type: DOCKER_MANIFEST },
  dockerwithout: { ...json({ ...image, mediaType: undefined }, DOCKER_MANIFEST), type: DOCKER_MANIFEST },
  listwithout: { ...json({ schemaVersion: 2, manifests: [] }, DOCKER_MANIFEST_LIST), type: DOCKER_MANIFEST_LIST },
  otherinside: { ...json(docker(6), OCI_MANIFEST), type: OCI_MANIFEST },
  own: {
    ...json({ ...image, mediaType: 'application/vnd.example+json' }, 'text/html'),
    type: 'application/vnd.example+json',
  },
  htmllabel: {
    ...json({ ...image, mediaType: 'text/html', layers: [] }, 'text/html'),
    type: 'application/octet-stream',
  },
  svg: { ...json({ ...image, mediaType: 'image/svg+xml' }, 'application/json'), type: 'application/octet-stream' },
  html: { ...json({ ...image, mediaType: 'text/html' }), type: OCI_MANIFEST },
  crlf: { ...json({ ...image, mediaType: 'a\r\nX-Injected: 1' }), type: OCI_MANIFEST },
  wide: {
    ...json({ ...image, mediaType: 'application/vnd.\u{1f600}+json' }),
    label: undefined,
    type: 'application/octet-stream',
  },

  // What HEAD says of them.
  headjson: { ...json(docker(7), DOCKER_MANIFEST), head: { label: 'application/json' }, type: DOCKER_MANIFEST },
  headzero: { ...json(docker(8), DOCKER_MANIFEST), head: { length: 0 }, type: DOCKER_MANIFEST },
  headlarge: { ...json(docker(9), DOCKER_MANIFEST), head: { length: 2 ** 40 }, type: DOCKER_MANIFEST },
  anonymous: { ...json(docker(10), 'application/json'), isAnonymous: true, type: DOCKER_MANIFEST },
  chunked: { ...json(docker(11), DOCKER_MANIFEST), isChunked: true, type: DOCKER_MANIFEST },

  // Last, as each test reads everything that is stored by then.
  large: { ...json({ ...image, annotations: { large: 'a'.repeat(5 * MIB) } }), type: OCI_MANIFEST },
  larger: { ...json({ ...image, annotations: { large: 'a'.repeat(10 * MIB) } }), type: OCI_MANIFEST },
};

const seen = ({ status, headers }: { status: number; headers: Readonly<Record<string, unknown>> }) => ({
  status,
  type: headers['content-type'],
  length: headers['content-length'],
  digest: headers['docker-content-digest'],
});

describe('what is odd about a manifest of an upstream', { timeout: 120_000 }, () => {
  let upstream: Awaited<ReturnType<typeof startManifestUpstream>>;
  let layover: Layover;
  beforeAll(async () => {
    upstream = await startManifestUpstream(new Map(Object.entries(ODD)));
    layover = await Layover.start({ config: { proxy: { remoteurl: upstream.url } } });
  });
  afterAll(async () => {
    await layover[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });

  const expectAll = async (tag: string, repository: string, methods: readonly ('HEAD' | 'GET')[]) => {
    const odd = ODD[tag] as Odd;
    const is = digestOf(odd.bytes);
    const expected = { tag, status: 200, type: odd.type, length: String(odd.bytes.length), digest: is };
    const reference = repository.endsWith('digest') ? is : tag;
    for (const method of methods) {
      const answer = await pull(`${layover.url}/v2/${tag}/${repository}/manifests/${reference}`, { method });
      expect({ tag, method, ...seen(answer) }).toEqual({ method, ...expected });
      if (method === 'GET') expect(answer.digest).toBe(is);
    }
  };

  it.each(Object.entries(ODD))('leaves it as it is, and HEAD and GET agree, cold and warm: %s', async (tag, odd) => {
    for (const by of ['tag', 'digest']) {
      await expectAll(tag, `head-first-by-${by}`, ['HEAD', 'GET', 'HEAD', 'GET']);
      await expectAll(tag, `get-first-by-${by}`, ['GET', 'HEAD']);
    }
    await (odd.isLoose ? expectNotStored : expectStored)(layover, [digestOf(odd.bytes)]);
  });

  it.each(['other-head-by-tag', 'other-head-by-digest'])(
    'may be that HEAD and GET call it differently: %s',
    async (name) => {
      const head = { label: OCI_MANIFEST };
      const served = { ...json(docker(0), DOCKER_MANIFEST), head };
      await using other = await startManifestUpstream(new Map([['1', served]]));
      await using cache = await Layover.start({ config: { proxy: { remoteurl: other.url } } });
      const url = `${cache.url}/v2/${name}/manifests/${name.endsWith('tag') ? '1' : digestOf(served.bytes)}`;
      for (const method of ['HEAD', 'GET', 'HEAD', 'GET'] as const) {
        expect((await pull(url, { method })).headers['content-type']).toBe(OCI_MANIFEST);
      }
      await cache.restart();
      expect((await pull(url)).headers['content-type']).toBe(OCI_MANIFEST);
    },
  );

  it('is the same after a restart, which only has what was stored', async () => {
    await layover.restart();
    for (const tag of Object.keys(ODD)) {
      for (const by of ['tag', 'digest']) {
        await expectAll(tag, `head-first-by-${by}`, ['GET', 'HEAD']);
        await expectAll(tag, `get-first-by-${by}`, ['HEAD', 'GET']);
      }
    }
  });
});

describe('what is no manifest of an upstream', () => {
  it.each([
    ['larger than the limit', json({ ...image, annotations: { large: 'a'.repeat(32 * MIB) } })],
    [
      'larger than the limit, of a length that nobody says',
      { ...json({ ...image, annotations: { large: 'a'.repeat(32 * MIB) } }), isChunked: true },
    ],
    ['a page of a gateway', { ...json('<html>please log in</html>', 'text/html'), isAnonymous: true }],
    ['an error of a gateway', { ...json({ errors: [{ code: 'UNKNOWN' }] }, 'application/json'), isAnonymous: true }],
    ['nothing', { ...json(''), isAnonymous: true }],
  ])('is a 502 with a reason, for HEAD as well, when it is %s', async (_, served) => {
    await using upstream = await startManifestUpstream(new Map([['1', served]]));
    await using layover = await Layover.start({ config: { proxy: { remoteurl: upstream.url } } });
    for (const method of ['HEAD', 'GET', 'HEAD'] as const) {
      const answer = await pull(`${layover.url}/v2/team/app/manifests/1`, { method });
      expect({ method, status: answer.status }).toEqual({ method, status: 502 });
      if (method === 'GET') expect(errorCode(answer)).toBe('UNAVAILABLE');
    }
    await expectNotStored(layover, [digestOf(served.bytes)]);
  });
});
