import type { Fixture } from './image-fixture.ts';

/** Pushes as clients do: `POST`, `PUT` per blob, then `PUT` per manifest. */
export async function pushFixture(url: string, repository: string, { blobs, manifests }: Fixture): Promise<void> {
  for (const { digest, bytes } of blobs) {
    const started = await expectStatus(202, await fetch(`${url}/v2/${repository}/blobs/uploads/`, { method: 'POST' }));
    const location = new URL(started.headers.get('location') as string, url);
    location.searchParams.set('digest', digest);
    const headers = { 'content-type': 'application/octet-stream' };
    await expectStatus(201, await fetch(location, { method: 'PUT', body: bytes, headers }));
  }
  for (const { digest, bytes, mediaType, tag } of manifests) {
    const target = `${url}/v2/${repository}/manifests/${tag ?? digest}`;
    await expectStatus(
      201,
      await fetch(target, { method: 'PUT', body: bytes, headers: { 'content-type': mediaType } }),
    );
  }
}

async function expectStatus(status: number, response: Response): Promise<Response> {
  if (response.status !== status) throw new Error(`${response.status} instead of ${status}: ${await response.text()}`);
  return response;
}
