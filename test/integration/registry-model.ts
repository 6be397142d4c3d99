import { randomBytes } from 'node:crypto';

import { type Digest, digestOf } from '../../src/oci/digest.ts';
import { described, imageOf, type ManifestPiece, type Piece } from './manifest-pushing.ts';
import { ending, keptOf, locationOf, send, type Sent, startSending } from './pushing.ts';

/** What clients do; numbers choose among what there is at that moment, counting round. */
export type Step =
  | { readonly do: 'start'; readonly repository: number; readonly sha512: boolean }
  | { readonly do: 'append'; readonly session: number; readonly size: number; readonly how: Append }
  | { readonly do: 'break-off'; readonly session: number; readonly size: number; readonly after: number }
  | { readonly do: 'race'; readonly session: number; readonly size: number }
  | { readonly do: 'finish'; readonly session: number; readonly size: number; readonly how: Finish }
  | { readonly do: 'cancel'; readonly session: number }
  | { readonly do: 'push'; readonly repository: number; readonly content: number; readonly isRight: boolean }
  | { readonly do: 'mount'; readonly repository: number; readonly blob: number }
  | { readonly do: 'image'; readonly repository: number; readonly blob: number; readonly tag: number }
  | { readonly do: 'delete-tag'; readonly repository: number; readonly tag: number }
  | { readonly do: 'delete-image'; readonly repository: number; readonly image: number }
  | { readonly do: 'delete-blob'; readonly repository: number; readonly blob: number };

type InSession = Extract<Step, { readonly session: number }>;

/** `stale`: to where the session was at its start; `foreign`: by the name of the other repository. */
export type Append = 'stream' | 'range' | 'misplaced' | 'short' | 'stale' | 'foreign';
export type Finish = 'right' | 'wrong' | 'sha512';

interface Session {
  readonly repository: string;
  readonly started: string;
  url: string;
  bytes: Buffer;
}

/** What a repository should have. */
class ModelRepository {
  readonly name: string;
  readonly blobs = new Map<Digest, Buffer>();
  readonly images = new Map<Digest, ManifestPiece>();
  readonly tags = new Map<string, Digest>();
  /** Deleted, and not pushed again. */
  readonly gone = new Set<Digest>();

  constructor(name: string) {
    this.name = name;
  }

  add(bytes: Buffer, digest: Digest): void {
    this.blobs.set(digest, bytes);
    this.gone.delete(digest);
  }
}

/** Does the steps with a registry, and knows what has to come of each. */
export class RegistryModel {
  readonly #url: string;
  readonly #repositories: readonly ModelRepository[];
  #sessions: Session[] = [];

  /** @param name of repositories that nobody else uses */
  constructor(url: string, name: string) {
    this.#url = url;
    this.#repositories = [new ModelRepository(`${name}/a`), new ModelRepository(`${name}/a/b`)];
  }

  /** @throws {Error} when the registry does something else */
  async run(step: Step): Promise<void> {
    if ('session' in step) await this.#runInSession(step, chosen(this.#sessions, step.session));
    else await this.#runInRepository(step, chosen(this.#repositories, step.repository) as ModelRepository);
  }

  /** @throws {Error} when something is not as it should be */
  async end(): Promise<void> {
    for (const session of [...this.#sessions]) await this.#cancel(session);
    for (const repository of this.#repositories) await this.#compare(repository);
  }

  async #runInSession(step: InSession, session: Session | undefined): Promise<void> {
    if (!session) return;
    if (step.do === 'cancel') await this.#cancel(session);
    else if (step.do === 'append') await this.#append(session, randomBytes(step.size), step.how);
    else if (step.do === 'break-off')
      await this.#breakOff(session, randomBytes(step.size + 1), step.after % (step.size + 1));
    else if (step.do === 'race') await this.#race(session, randomBytes(step.size + 1));
    else await this.#finish(session, randomBytes(step.size), step.how);
  }

  async #runInRepository(step: Exclude<Step, InSession>, repository: ModelRepository): Promise<void> {
    if (step.do === 'start') await this.#start(repository, step.sha512 ? '?digest-algorithm=sha512' : '');
    else if (step.do === 'push') await this.#push(repository, Buffer.from(`content ${step.content}`), step.isRight);
    else if (step.do === 'mount') await this.#mount(repository, step.blob);
    else if (step.do === 'image') await this.#image(repository, step.blob, `v${step.tag}`);
    else await this.#delete(repository, step);
  }

  async #start(repository: ModelRepository, query: string): Promise<void> {
    const answer = await send('POST', `${this.#url}/v2/${repository.name}/blobs/uploads/${query}`);
    expectStatus(answer, 202);
    this.#opened(repository, answer);
  }

  #opened({ name }: ModelRepository, answer: Sent): void {
    const url = locationOf(answer, this.#url);
    this.#sessions.push({ repository: name, started: url, url, bytes: Buffer.alloc(0) });
  }

  async #append(session: Session, bytes: Buffer, how: Append): Promise<void> {
    const [kept, end] = [session.bytes.length, session.bytes.length + bytes.length];
    const ranged = (start: number, length = bytes.length) => ({ 'content-range': `${start}-${start + length - 1}` });
    const { url } = session;
    if (bytes.length === 0 && how !== 'stream' && how !== 'foreign') return;
    if (how === 'foreign') {
      const other = this.#repositories.find(({ name }) => name !== session.repository)?.name ?? '';
      const target = url.replace(`/v2/${session.repository}/blobs/`, `/v2/${other}/blobs/`);
      return expectStatus(await send('PATCH', target, { body: bytes }), 400);
    }
    if (how === 'misplaced')
      return expectStatus(await send('PATCH', url, { body: bytes, headers: ranged(kept + 1) }), 416);
    if (how === 'stale' && kept > 0) return expectStatus(await send('PATCH', session.started, { body: bytes }), 416);
    if (how === 'short') {
      return expectStatus(await send('PATCH', url, { body: bytes, headers: ranged(kept, bytes.length + 1) }), 400);
    }
    const answer = await send('PATCH', url, { body: bytes, headers: how === 'range' ? ranged(kept) : {} });
    expectStatus(answer, 202);
    expectEqual(answer.headers.range, `0-${Math.max(0, end - 1)}`);
    session.url = locationOf(answer, this.#url);
    session.bytes = Buffer.concat([session.bytes, bytes]);
  }

  /** The client goes away; what came of it is kept, or not. */
  async #breakOff(session: Session, bytes: Buffer, after: number): Promise<void> {
    const { repository, url } = session;
    const sending = startSending('PATCH', url, { 'content-length': bytes.length });
    sending.on('error', () => {});
    await new Promise<void>((resolve) => sending.write(bytes.subarray(0, after), () => resolve()));
    sending.destroy();
    // An empty piece has to wait until nobody else holds the session.
    const bare = url.split('?', 1)[0] ?? '';
    const answer = await send('PATCH', bare);
    expectStatus(answer, 202);
    session.url = locationOf(answer, this.#url);
    const size = await sizeOf(session.url);
    const all = Buffer.concat([session.bytes, bytes.subarray(0, after)]);
    if (size < session.bytes.length || size > all.length)
      throw new Error(`${repository} kept ${size} of ${all.length}`);
    session.bytes = all.subarray(0, size);
  }

  /** Two clients send the same piece: one is taken. */
  async #race(session: Session, bytes: Buffer): Promise<void> {
    const start = session.bytes.length;
    const headers = { 'content-range': `${start}-${start + bytes.length - 1}` };
    const answers = await Promise.all([1, 2].map(() => send('PATCH', session.url, { body: bytes, headers })));
    const statuses = answers.map(({ status }) => status).sort();
    expectEqual(statuses.join(), '202,416');
    session.url = locationOf(answers.find(({ status }) => status === 202) as Sent, this.#url);
    session.bytes = Buffer.concat([session.bytes, bytes]);
  }

  async #finish(session: Session, bytes: Buffer, how: Finish): Promise<void> {
    const all = Buffer.concat([session.bytes, bytes]);
    const digest = digestOf(
      how === 'wrong' ? Buffer.from('something else') : all,
      how === 'sha512' ? 'sha512' : 'sha256',
    );
    this.#sessions = this.#sessions.filter((other) => other !== session);
    const answer = await send('PUT', ending(session.url, digest), { body: bytes });
    expectStatus(answer, how === 'wrong' ? 400 : 201);
    if (how !== 'wrong') this.#named(session.repository).add(all, digest);
    expectStatus(await send('GET', session.url), 404);
  }

  async #cancel(session: Session): Promise<void> {
    this.#sessions = this.#sessions.filter((other) => other !== session);
    expectStatus(await send('DELETE', session.url), 204);
    expectStatus(await send('PATCH', session.url), 404);
  }

  async #push(repository: ModelRepository, bytes: Buffer, isRight: boolean): Promise<void> {
    const digest = digestOf(isRight ? bytes : Buffer.from('something else'));
    const url = `${this.#url}/v2/${repository.name}/blobs/uploads/?digest=${digest}`;
    expectStatus(await send('POST', url, { body: bytes }), isRight ? 201 : 400);
    if (isRight) repository.add(bytes, digest);
  }

  async #mount(repository: ModelRepository, blob: number): Promise<void> {
    const from = this.#repositories.find((other) => other !== repository) as ModelRepository;
    const [digest, bytes] = chosen([...from.blobs], blob) ?? [digestOf(Buffer.from('nobody has this')), undefined];
    const url = `${this.#url}/v2/${repository.name}/blobs/uploads/?mount=${digest}&from=${from.name}`;
    const answer = await send('POST', url);
    expectStatus(answer, bytes ? 201 : 202);
    if (bytes) repository.add(bytes, digest);
    else this.#opened(repository, answer);
  }

  async #image(repository: ModelRepository, blob: number, tag: string): Promise<void> {
    const config = Buffer.from('{}');
    await this.#push(repository, config, true);
    const [digest, bytes] = chosen([...repository.blobs], blob) ?? [digestOf(config), config];
    const layer = described({ digest, bytes } satisfies Piece, 'application/vnd.oci.image.layer.v1.tar');
    const image = imageOf(tag, {
      config: described({ digest: digestOf(config), bytes: config }, 'a/b'),
      layers: [layer],
    });
    const target = `${this.#url}/v2/${repository.name}/manifests/${tag}`;
    expectStatus(await send('PUT', target, { body: image.bytes, headers: { 'content-type': image.mediaType } }), 201);
    repository.images.set(image.digest, image);
    repository.gone.delete(image.digest);
    repository.tags.set(tag, image.digest);
  }

  async #delete(repository: ModelRepository, step: Step): Promise<void> {
    const base = `${this.#url}/v2/${repository.name}`;
    if (step.do === 'delete-tag') {
      const tag = `v${step.tag}`;
      expectStatus(await send('DELETE', `${base}/manifests/${tag}`), repository.tags.delete(tag) ? 202 : 404);
    } else if (step.do === 'delete-image') {
      const digest = chosen([...repository.images.keys()], step.image);
      if (!digest) return;
      expectStatus(await send('DELETE', `${base}/manifests/${digest}`), 202);
      repository.images.delete(digest);
      repository.gone.add(digest);
      for (const [tag, target] of repository.tags) if (target === digest) repository.tags.delete(tag);
    } else if (step.do === 'delete-blob') {
      const digest = chosen([...repository.blobs.keys()], step.blob);
      if (!digest) return;
      expectStatus(await send('DELETE', `${base}/blobs/${digest}`), 202);
      repository.blobs.delete(digest);
      repository.gone.add(digest);
    }
  }

  async #compare({ name, blobs, images, tags, gone }: ModelRepository): Promise<void> {
    const base = `${this.#url}/v2/${name}`;
    for (const [digest, bytes] of blobs) {
      const answer = await fetch(`${base}/blobs/${digest}`);
      expectEqual(answer.status, 200);
      if (!Buffer.from(await answer.arrayBuffer()).equals(bytes)) throw new Error(`${name}: other bytes of ${digest}`);
    }
    for (const [digest, { bytes }] of images)
      expectEqual((await send('GET', `${base}/manifests/${digest}`)).body, bytes.toString());
    for (const [tag, digest] of tags) {
      expectEqual((await send('HEAD', `${base}/manifests/${tag}`)).headers['docker-content-digest'], digest);
    }
    for (const digest of gone) {
      for (const kind of ['blobs', 'manifests']) expectStatus(await send('HEAD', `${base}/${kind}/${digest}`), 404);
    }
    const { status, body } = await send('GET', `${base}/tags/list`);
    const listed = status === 404 ? [] : (JSON.parse(body) as { tags: string[] }).tags;
    expectEqual([...listed].sort().join(), [...tags.keys()].sort().join());
  }

  #named(name: string): ModelRepository {
    return this.#repositories.find((repository) => repository.name === name) as ModelRepository;
  }
}

/** Of a session with a byte or none the registry tells the same range. */
async function sizeOf(url: string): Promise<number> {
  const kept = await keptOf(url);
  if (kept !== 1) return kept;
  const [, payload = ''] = /_state=([\w-]+)/.exec(locationOf(await send('GET', url), url)) ?? [];
  const [, offset = ''] = /"offset":(\d+)/.exec(Buffer.from(payload, 'base64url').toString('latin1')) ?? [];
  return Number(offset);
}

function chosen<T>(all: readonly T[], number: number): T | undefined {
  return all[number % all.length];
}

function expectStatus({ status, body }: Sent, expected: number): void {
  if (status !== expected) throw new Error(`answered with ${status}, not ${expected}: ${body}`);
}

function expectEqual(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${String(actual)} instead of ${String(expected)}`);
}
