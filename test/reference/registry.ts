import { digestOf } from '../../src/oci/digest.ts';
import { MANIFEST_MEDIA_TYPES, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import { imageManifest } from './content.ts';

export interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

export type Step = readonly [method: string, path: string, asked?: Asked];

const ACCEPT = { accept: MANIFEST_MEDIA_TYPES.join(', ') };
const BINARY = { 'content-type': 'application/octet-stream' };
const UPLOAD_ID = /(?<=\/blobs\/uploads\/)[^/?"]+(\?.*)?/;

/** A registry as a client sees it that works in one repository. */
export class Registry {
  /** Base URL. */
  readonly url: string;
  readonly repository: string;

  constructor(url: string, repository: string) {
    this.url = url;
    this.repository = repository;
  }

  /** @param path absolute, a whole URL, or below the repository */
  send(method: string, path: string, { headers = {}, body }: Asked = {}): Promise<Response> {
    const url = path.startsWith('/') || path.includes('://') ? path : `/v2/${this.repository}/${path}`;
    return fetch(new URL(url, this.url), {
      method,
      headers: { ...ACCEPT, ...headers },
      redirect: 'manual',
      ...(body !== undefined && { body }),
    });
  }

  /** Status, error codes and the named headers in one line. URLs are without their base, and uploads without their id. */
  async line(response: Response, ...headers: readonly string[]): Promise<string> {
    // The control announces the length of the blob in a 416, and sends a short text.
    const codes = errorCodes(await response.text().catch(() => ''));
    const named = headers.map((name) => `${name}=${this.#comparable(response.headers.get(name))}`);
    return [response.status, ...codes, ...named].join(' ');
  }

  async seen([method, path, asked]: Step, ...headers: readonly string[]): Promise<string> {
    return this.line(await this.send(method, path, asked), ...headers);
  }

  /** One after the other. */
  async inOrder(steps: readonly Step[], ...headers: readonly string[]): Promise<string[]> {
    const lines: string[] = [];
    for (const step of steps) lines.push(await this.seen(step, ...headers));
    return lines;
  }

  /** @returns the `Location` at which the upload continues */
  async startUpload(): Promise<string> {
    const response = await this.send('POST', 'blobs/uploads/');
    return locationOf(response);
  }

  /** @returns the digest */
  async pushBlob(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
    const digest = digestOf(bytes);
    const location = withDigest(await this.startUpload(), digest);
    await expectStatus(201, await this.send('PUT', location, { body: bytes, headers: BINARY }));
    return digest;
  }

  async pushBlobTo(repository: string, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
    return new Registry(this.url, repository).pushBlob(bytes);
  }

  /** A whole image by that tag; other tags have the same parts and another manifest. @returns its digest */
  async pushImage(tag: string): Promise<string> {
    const { parts, bytes } = imageManifest({ annotations: { tag } });
    for (const part of parts) await this.pushBlob(part);
    await expectStatus(201, await this.putManifest(tag, bytes));
    return digestOf(bytes);
  }

  putManifest(reference: string, body: Uint8Array<ArrayBuffer>, type: string = OCI_MANIFEST): Promise<Response> {
    return this.send('PUT', `manifests/${reference}`, { body, headers: { 'content-type': type } });
  }

  #comparable(value: string | null): string {
    if (value === null) return '-';
    if (value.includes('rel="next"')) return nextQuery(value);
    return value.replace(this.url, '').replaceAll(this.repository, '<name>').replace(UPLOAD_ID, '<upload>');
  }
}

/** The statuses of lines whose error codes are of no concern: those of a page that distribution's router or Go's library sends. */
export function statuses(lines: readonly string[]): string[] {
  return lines.map((line) => line.slice(0, 3));
}

export function withDigest(location: string, digest: string): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
}

/** @throws {Error} without one */
export function locationOf(response: Response): string {
  const location = response.headers.get('location');
  if (location === null) throw new Error(`${response.status} without Location`);
  return location;
}

/** `Link`: </v2/app/tags/list?n=2&last=a>; rel="next"` → `/v2/app/tags/list?last=a&n=2`, as the order says nothing. */
function nextQuery(link: string): string {
  const target = new URL(/<(.*)>/.exec(link)?.[1] ?? '', 'http://registry.example.com');
  target.searchParams.sort();
  return `${target.pathname}${target.search}`;
}

/** The codes of an error body, those that repeat with their number; none for any other body. */
function errorCodes(body: string): string[] {
  const codes = new Map<string, number>();
  for (const { code } of errorsIn(body)) codes.set(code, (codes.get(code) ?? 0) + 1);
  return [...codes].map(([code, count]) => (count === 1 ? code : `${code}×${count}`));
}

function errorsIn(body: string): readonly { readonly code: string }[] {
  try {
    return (JSON.parse(body) as { errors?: { code: string }[] }).errors ?? [];
  } catch {
    return []; // blobs, and pages of the router
  }
}

async function expectStatus(status: number, response: Response): Promise<void> {
  if (response.status !== status) throw new Error(`${response.status} instead of ${status}: ${await response.text()}`);
}
