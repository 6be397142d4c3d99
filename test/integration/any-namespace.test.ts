import { describe, expect, it } from 'vitest';
import { Images } from '../support/images.ts';
import { dockerHubUpstream, Layover } from '../support/layover.ts';
import { errorCode, pull } from './pulling.ts';
import { sharedHub } from './scene.ts';
import { storedRepositories } from './stored-data.ts';

const images = new Images();
const app = images.addImage('library/app', '1');
const secret = images.addImage('secret/app', '1');
const hub = sharedHub(images);

const NAMESPACES = ['', '?ns=docker.io', '?ns=ghcr.io', '?ns=127.0.0.1:1', '?ns=', '?ns=..%2F..%2Fetc'];

describe('the only upstream, given by proxy.remoteurl', () => {
  it('answers whatever registry the client means, under its own name, and stores it once', async () => {
    await using layover = await Layover.start({ config: { proxy: { remoteurl: hub().url } } });
    for (const query of NAMESPACES) {
      for (const reference of ['1', app.digest]) {
        const got = await pull(`${layover.url}/v2/library/app/manifests/${reference}${query}`);
        expect({ query, status: got.status, digest: got.digest }).toEqual({ query, status: 200, digest: app.digest });
        expect(got.headers['oci-namespace']).toBe(new URL(hub().url).host);
      }
    }
    expect(await storedRepositories(layover.dataDirectory)).toEqual(['library/app']);
    await layover.waitForOutput(/proxy\.remoteurl: serves requests for every registry \(\?ns=\)/);
  });

  it('is asked for what the caller may pull by its stored name, whatever the registry', async () => {
    const auth = { silly: { realm: 'r', service: 's' }, anonymous: { repositories: ['library/*'] } };
    await using layover = await Layover.start({ config: { proxy: { remoteurl: hub().url }, auth } });
    for (const query of NAMESPACES) {
      expect((await pull(`${layover.url}/v2/library/app/manifests/1${query}`)).status).toBe(200);
      expect((await pull(`${layover.url}/v2/secret/app/manifests/${secret.digest}${query}`)).status).toBe(401);
    }
    expect(await storedRepositories(layover.dataDirectory)).toEqual(['library/app']);
  });

  it('leaves hosted names alone', async () => {
    const proxy = { remoteurl: hub().url, hosted: ['secret/*'] };
    await using layover = await Layover.start({ config: { proxy } });
    for (const query of NAMESPACES) {
      expect((await pull(`${layover.url}/v2/secret/app/manifests/1${query}`)).status).toBe(404);
    }
    expect(await storedRepositories(layover.dataDirectory)).toEqual([]);
  });
});

describe('the only upstream of a list', () => {
  it('answers by its own names alone', async () => {
    const upstreams = [dockerHubUpstream(hub())];
    await using layover = await Layover.start({ config: { proxy: { upstreams } } });
    expect((await pull(`${layover.url}/v2/app/manifests/1?ns=docker.io`)).status).toBe(200);
    const other = await pull(`${layover.url}/v2/app/manifests/1?ns=ghcr.io`);
    expect({ status: other.status, code: errorCode(other) }).toEqual({ status: 404, code: 'NAME_UNKNOWN' });
  });
});
