import { readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { exchangeBytes, parseResponses, type RawResponse } from '../http/v2/raw-exchange.ts';
import { filesBelow } from '../support/data-directory.ts';
import { Layover } from '../support/layover.ts';
import { arbitraryWrite, bytesOf, type Write } from './arbitrary-writes.ts';
import { FUZZ_TIMEOUT_MS, fuzzing } from './fuzzing.ts';
import { CONFIG, LAYER, Repository } from './manifest-pushing.ts';
import { send, startUpload } from './pushing.ts';
import { type Append, type Finish, RegistryModel, type Step } from './registry-model.ts';
import { expectNothingBroken } from './stored-data.ts';

let layover: Layover;

beforeAll(async () => {
  layover = await Layover.start({ config: { storage: { delete: { enabled: true } }, log: { level: 'info' } } });
  await new Repository(layover.url, 'team/app').addBlobs(CONFIG, LAYER);
});

afterAll(() => layover[Symbol.asyncDispose]());

/** Files of upload sessions, and temporary ones. */
async function leftovers(): Promise<string[]> {
  const content = await filesBelow(join(layover.dataDirectory, 'docker/registry/v2/repositories'));
  const temporary = await Promise.all(
    ['tmp', 'fills'].map((name) => filesBelow(join(layover.dataDirectory, 'layover', name))),
  );
  return [...content.filter((path) => path.includes('/_uploads/')), ...temporary.flat()].map((path) =>
    path.slice(layover.dataDirectory.length),
  );
}

function sessionUrl(path: string): string {
  const [, repository, id] = /^\/docker\/registry\/v2\/repositories\/(.+)\/_uploads\/([^/]+)\/[^/]+$/.exec(path) ?? [];
  if (id === undefined) throw new Error(`not of a session: ${path}`);
  return `${layover.url}/v2/${repository}/blobs/uploads/${id}`;
}

/** An open session in each of two repositories, for requests that name them. */
async function openSessions() {
  const urls = await Promise.all(['team/app', 'team/other'].map((name) => startUpload(layover.url, name)));
  const [first, second] = urls.map((url) => {
    const { pathname, searchParams } = new URL(url);
    return { id: pathname.split('/').at(-1) ?? '', state: searchParams.get('_state') ?? '' };
  });
  const values: Record<string, string | undefined> = {
    ...{ '{id0}': first?.id, '{state0}': first?.state },
    ...{ '{id1}': second?.id, '{state1}': second?.state },
  };
  return (text: string) => text.replaceAll(/\{(?:id|state)[01]\}/g, (name) => values[name] ?? name);
}

/** 503 and 507 are documented; nobody did anything for which this one should give them. */
function expectGoodResponse({ status, headers, body }: RawResponse, { method, target }: Write): void {
  expect(status, body).toBeLessThan(500);
  expect(status).toBeGreaterThanOrEqual(200);
  if (status < 400 || method === 'HEAD' || !target.startsWith('/v2/')) return;
  expect(headers.get('content-type')).toBe('application/json');
  const code = expect.stringMatching(/^[A-Z_]+$/);
  const { errors } = JSON.parse(body) as { errors: unknown[] };
  expect(errors[0]).toEqual(expect.objectContaining({ code, message: expect.stringMatching(/./) }));
}

/** A client that says less than it announced, or more, sees what it sees. */
const isHonest = ({ framing }: Write) => framing !== 'short' && framing !== 'long';

async function expectAnswered(write: Write, fill: (text: string) => string): Promise<void> {
  const bytes = bytesOf(write, fill);
  const cut = write.framing === 'short' ? { after: bytes.length, isReset: false } : undefined;
  const answers = parseResponses(await exchangeBytes(layover.port, bytes, { cut }), [write.method]);
  if (isHonest(write)) expect(answers).toHaveLength(1);
  for (const answer of answers) expectGoodResponse(answer, write);
}

describe('requests that write', () => {
  it(
    'get a valid answer that blames the right side, whatever they are',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(arbitraryWrite, { minLength: 1, maxLength: 3 }),
          fc.boolean(),
          async (writes, atOnce) => {
            const fill = await openSessions();
            if (atOnce) await Promise.all(writes.map((write) => expectAnswered(write, fill)));
            else for (const write of writes) await expectAnswered(write, fill);
          },
        ),
        fuzzing,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'may be cut off at any byte',
    async () => {
      await fc.assert(
        fc.asyncProperty(arbitraryWrite, fc.nat(), fc.boolean(), async (write, at, isReset) => {
          const bytes = bytesOf(write, await openSessions());
          const cut = { after: at % bytes.length, isReset };
          for (const answer of parseResponses(await exchangeBytes(layover.port, bytes, { cut }), [write.method])) {
            expect(answer.status, answer.body).toBeLessThan(500);
          }
        }),
        fuzzing,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'get their answers in order when they are sent in one go',
    async () => {
      const last: Write = { method: 'GET', target: '/v2/', headers: [], body: '', framing: 'none' };
      await fc.assert(
        fc.asyncProperty(fc.array(arbitraryWrite.filter(isHonest), { minLength: 1, maxLength: 4 }), async (writes) => {
          const fill = await openSessions();
          const sent = [...writes.map((write) => bytesOf(write, fill, { isLast: false })), bytesOf(last, fill)];
          const asked = [...writes, last];
          const received = await exchangeBytes(layover.port, Buffer.concat(sent));
          const answers = parseResponses(
            received,
            asked.map(({ method }) => method),
          );
          for (const [i, answer] of answers.entries()) expectGoodResponse(answer, asked[i] ?? last);
          const isCut = answers.at(-1)?.headers.get('connection') === 'close';
          // Where a body is refused before its end, the connection ends, and with it what is still on its way.
          const mayBeReset = writes.some(
            ({ framing, body }) => framing === 'chunked' || framing === 'trailers' || body.endsWith(' bytes}'),
          );
          expect(answers.length === asked.length || isCut || mayBeReset).toBe(true);
        }),
        fuzzing,
      );
    },
    FUZZ_TIMEOUT_MS,
  );

  it(
    'leave nothing of a blob that was to come in one request and did not',
    async () => {
      const before = await leftovers();
      await fc.assert(
        fc.asyncProperty(fc.nat(200_000), fc.nat(), fc.boolean(), async (length, at, isReset) => {
          const body = `{${length + 1} bytes}`;
          const target = '/v2/team/cut/blobs/uploads/?digest={sha256}';
          const bytes = bytesOf({ method: 'POST', target, headers: [], body, framing: 'exact' }, (text) => text);
          await exchangeBytes(layover.port, bytes, { cut: { after: at % bytes.length, isReset } });
          await expect.poll(leftovers, { interval: 5, timeout: 30_000 }).toEqual(before);
          expect(
            (await send('HEAD', `${layover.url}/v2/team/cut/blobs/${digestOf(Buffer.alloc(length + 1, 'layover'))}`))
              .status,
          ).toBe(404);
        }),
        fuzzing,
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});

const number = fc.nat(20);
const repository = fc.nat(1);
const size = fc.oneof(fc.nat(3), fc.nat(5_000), fc.nat(2_000_000));
const append = fc.constantFrom<Append>('stream', 'stream', 'range', 'range', 'misplaced', 'short', 'stale', 'foreign');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('start'), repository, sha512: fc.boolean() }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('append'), session: number, size, how: append }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('break-off'), session: number, size, after: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('race'), session: number, size }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('finish'),
      session: number,
      size,
      how: fc.constantFrom<Finish>('right', 'right', 'wrong', 'sha512'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel'), session: number }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('push'), repository, content: fc.nat(3), isRight: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('mount'), repository, blob: number }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('image'), repository, blob: number, tag: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete-tag'), repository, tag: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete-image'), repository, image: number }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete-blob'), repository, blob: number }) },
);

describe('any sequence of pushes and deletes', () => {
  it(
    'does what it should, with others that push the same at the same time, and leaves no file behind',
    async () => {
      let models = 0;
      const before = await leftovers();
      const steps = fc.array(step, { minLength: 1, maxLength: 30 });
      await fc.assert(
        fc.asyncProperty(steps, steps, async (...clients) => {
          const run = async (all: readonly Step[]) => {
            const model = new RegistryModel(layover.url, `model/${models++}`);
            for (const one of all) await model.run(one);
            await model.end();
          };
          await Promise.all(clients.map(run));
          expect(await leftovers()).toEqual(before);
        }),
        fuzzing,
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});

describe('after all of it', () => {
  it('what is stored is right, and nothing is anywhere else', { timeout: FUZZ_TIMEOUT_MS }, async () => {
    await expectNothingBroken(layover);
    expect((await readdir(dirname(layover.dataDirectory))).sort()).toEqual(['config.yml', 'data']);
    expect((await readdir(layover.dataDirectory)).sort()).toEqual(['docker', 'layover']);
    const blob = /^\/blobs\/sha(?:256|512)\/[0-9a-f]{2}\/[0-9a-f]{64,128}\/data$/;
    const part = /^\/repositories(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)+\/_(?:layers|manifests|uploads)\/[\w./-]+$/;
    const root = join(layover.dataDirectory, 'docker/registry/v2');
    const odd = (await filesBelow(root)).map((path) => path.slice(root.length));
    expect(odd.filter((path) => !blob.test(path) && !part.test(path))).toEqual([]);
  });

  it('every session that is left can be cancelled, and nothing is left of it then', {
    timeout: FUZZ_TIMEOUT_MS,
  }, async () => {
    const cancelAll = async () => {
      const files = await leftovers();
      // A file that the last request began to write goes away by itself.
      const urls = new Set(files.filter((path) => !path.startsWith('/layover/tmp/')).map((path) => sessionUrl(path)));
      const statuses: number[] = [];
      for (const url of urls) statuses.push((await send('DELETE', url)).status);
      return { statuses: new Set(statuses), files };
    };
    expect([...(await cancelAll()).statuses].filter((status) => status >= 500)).toEqual([]);
    // Requests whose clients left may have been running until now.
    await expect.poll(cancelAll).toEqual({ statuses: new Set(), files: [] });
  });

  it('the process has logged no fault of its own, and serves', async () => {
    const lines = layover.output.split('\n').filter((line) => !line.includes('X-Forwarded-For ignored'));
    expect(lines.join('\n')).not.toMatch(/a fault of ours|unhandled|uncaught|Warning/i);
    expect((await send('GET', `${layover.url}/v2/team/app/blobs/${LAYER.digest}`)).status).toBeOneOf([200, 404]);
    expect((await layover.kill('SIGTERM')).code).toBe(0);
  });
});
