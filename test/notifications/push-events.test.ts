import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';

import type { Notification } from '../../src/notifications/envelope.ts';
import { pushFixture } from '../content/push-fixture.ts';
import { startDockerRegistryOn } from '../support/docker-registry.ts';
import { type ConfigObject, Layover } from '../support/layover.ts';
import { findProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { pushBlob, smallImage } from './pusher.ts';
import { Receiver, summaryOf } from './receiver.ts';

const QUICK = { threshold: 1, backoff: '20ms', maxbackoff: '50ms', ignore: { actions: ['pull'] } };

function startLayover(endpoints: readonly ConfigObject[], more: ConfigObject = {}, queue: ConfigObject = {}) {
  return Layover.start(withNotifications(endpoints, more, queue));
}

/** For tests that kill it. */
function startProcess(endpoints: readonly ConfigObject[]) {
  return Layover.startProcess(withNotifications(endpoints));
}

function withNotifications(endpoints: readonly ConfigObject[], more: ConfigObject = {}, queue: ConfigObject = {}) {
  return {
    config: {
      storage: { delete: { enabled: true } },
      notifications: { endpoints, queue, events: { includereferences: true } },
      ...more,
    },
  };
}

const endpoint = (receiver: Receiver, more: ConfigObject = {}) => ({
  name: 'audit',
  url: `${receiver.url}/events`,
  ...QUICK,
  ...more,
});

async function metricsOf(layover: Layover): Promise<string[]> {
  const page = await (await fetch(`${layover.debugUrl}/metrics`)).text();
  return page.split('\n').filter((line) => /^(registry|layover)_notifications/.test(line));
}

const WITH_METRICS = { http: { addr: '127.0.0.1:0', debug: { addr: '127.0.0.1:0', prometheus: { enabled: true } } } };

/** Requests of a client for one small image: push, mount, pull, delete. */
async function doEverything(url: string): Promise<void> {
  const image = smallImage('v1');
  const [layer] = image.blobs;
  const [manifest] = image.manifests;
  await pushFixture(url, 'team/app', image);
  const expectStatus = async (status: number, path: string, init: RequestInit) => {
    const answer = await fetch(`${url}/v2/${path}`, init);
    await answer.arrayBuffer();
    expect(answer.status).toBe(status);
  };
  await expectStatus(201, `other/blobs/uploads/?mount=${layer?.digest}&from=team/app`, { method: 'POST' });
  const accept = { accept: manifest?.mediaType ?? '' };
  await expectStatus(200, 'team/app/manifests/v1', { method: 'HEAD', headers: accept });
  await expectStatus(200, `team/app/manifests/${manifest?.digest}`, { headers: accept });
  await expectStatus(200, `team/app/blobs/${layer?.digest}`, {});
  await expectStatus(200, `team/app/blobs/${layer?.digest}`, { method: 'HEAD' });
  await expectStatus(202, `other/blobs/${layer?.digest}`, { method: 'DELETE' });
  await expectStatus(202, `team/app/manifests/${manifest?.digest}`, { method: 'DELETE' });
}

/** `{a: 1, b: {c: 'x'}}` → `['a: number', 'b.c: string']` */
function structureOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [`${path}: ${typeof value}`];
  const entries = Object.entries(value);
  if (entries.length === 0) return [`${path}: {}`];
  return entries.flatMap(([key, child]) => structureOf(child, path === '' ? key : `${path}.${key}`)).toSorted();
}

const EVERYTHING = 11;

const inOrder = (events: readonly Notification[]) => [...events].sort((a, b) => keyOf(a).localeCompare(keyOf(b)));
const keyOf = ({ action, request, target }: Notification) =>
  [action, request.method, target.repository, target.url?.replace(/^http:..[^/]*/, ''), target.digest, target.tag].join(
    ' ',
  );

const dockerRegistry = await findProgram('docker-registry');

describe('events of pushes, mounts, pulls and deletes', () => {
  it.skipIf(dockerRegistry === undefined)('have the same fields as those of distribution', async () => {
    await using theirs = await Receiver.start();
    await using ours = await Receiver.start();
    await using directory = await temporaryDirectory();
    const all = { ignore: {} };
    const notifications = { events: { includereferences: true }, endpoints: [{ name: 'a', url: theirs.url }] };
    await using distribution = await startDockerRegistryOn(dockerRegistry ?? '', directory.path, { notifications });
    await using layover = await startLayover([endpoint(ours, all)]);
    await doEverything(distribution.url);
    await doEverything(layover.url);
    const [expected, found] = [await theirs.waitFor(EVERYTHING), await ours.waitFor(EVERYTHING)].map(inOrder);

    expect(found?.map(keyOf)).toEqual(expected?.map(keyOf));
    expect(found?.map((event) => structureOf(event))).toEqual(expected?.map((event) => structureOf(event)));
    const comparable = ({ action, target, request: { method, useragent } }: Notification) => ({
      action,
      target: { ...target, url: target.url?.replace(/^http:..[^/]*/, '') },
      method,
      useragent,
    });
    expect(found?.map(comparable)).toEqual(expected?.map(comparable));
    expect(theirs.taken).toHaveLength(EVERYTHING);
    expect(ours.taken).toHaveLength(EVERYTHING);
  });
});

describe('the event of a completed push', () => {
  it('is sent after the process was killed', async () => {
    await using receiver = await Receiver.start();
    receiver.behaviour = 503;
    await using layover = await startProcess([endpoint(receiver)]);
    const digest = await pushBlob(layover.url, 'team/app', 'one');
    await layover.kill('SIGKILL');
    expect(receiver.taken).toEqual([]);

    receiver.behaviour = 200;
    await layover.restart();
    expect((await receiver.waitFor(1)).map(({ target }) => target.digest)).toEqual([digest]);
  });

  it('is sent for each of many concurrent pushes, during which the process was killed', async () => {
    await using receiver = await Receiver.start();
    await using layover = await startProcess([endpoint(receiver)]);
    const answered: string[] = [];
    const pushing = Array.from({ length: 60 }, async (_, index) => {
      await pushBlob(layover.url, `team/app-${index % 7}`, `blob ${index}`).then(
        (digest) => answered.push(digest),
        () => {}, // cut off by the kill
      );
      if (index === 20) await layover.kill('SIGKILL');
    });
    await Promise.all(pushing);
    await layover.restart();
    await receiver.waitUntil(() => {
      const told = new Set(receiver.events.map(({ target }) => target.digest));
      return answered.every((digest) => told.has(digest));
    }, `event of every answered push (${answered.length})`);
    expect(answered.length).toBeGreaterThan(0);
  });

  it('is sent in order when the endpoint is back', async () => {
    await using receiver = await Receiver.start();
    receiver.behaviour = 500;
    await using layover = await startLayover([endpoint(receiver)], WITH_METRICS);
    for (let index = 0; index < 20; index++) await pushBlob(layover.url, `team/app-${index}`, `blob ${index}`);
    await receiver.waitForOffers(5);
    await layover.waitForOutput(/webhook endpoint unavailable/);
    expect(await metricsOf(layover)).toContain('registry_notifications_pending{endpoint="audit"} 20');
    expect(await metricsOf(layover)).toContain('registry_notifications_pending_total{endpoint="audit"} 20');

    receiver.behaviour = 202;
    const events = await receiver.waitFor(20);
    expect(events.map(summaryOf)).toEqual(Array.from({ length: 20 }, (_, index) => `push team/app-${index}`));
    await layover.waitForOutput(/webhook endpoint available again/);
    await vi.waitFor(async () => {
      const metrics = await metricsOf(layover);
      expect(metrics).toContain('registry_notifications_pending{endpoint="audit"} 0');
      expect(metrics).toContain('registry_notifications_events_total{type="Events",endpoint="audit"} 20');
      expect(metrics).toContain('registry_notifications_events_total{type="Successes",endpoint="audit"} 20');
      expect(metrics).toContain('registry_notifications_status_total{code="202 Accepted",endpoint="audit"} 20');
      expect(metrics.find((line) => line.includes('"500 Internal Server Error"'))).toBeDefined();
    });
  });

  it('is sent by the next process after a drain', async () => {
    await using receiver = await Receiver.start();
    receiver.behaviour = 503;
    await using layover = await startLayover([endpoint(receiver)]);
    await pushBlob(layover.url, 'team/app', 'one');
    await receiver.waitForOffers(2);
    expect(await layover.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    receiver.behaviour = 200;
    await layover.restart();
    expect((await receiver.waitFor(1)).map(summaryOf)).toEqual(['push team/app']);
  });
});

describe('an endpoint', () => {
  it('that does not respond delays neither pushes, nor another endpoint, nor the shutdown', async () => {
    await using silent = await Receiver.start();
    await using receiver = await Receiver.start();
    silent.behaviour = 'silent';
    await using layover = await startLayover([
      endpoint(silent, { name: 'silent', timeout: '60s' }),
      endpoint(receiver),
    ]);
    for (let index = 0; index < 5; index++) await pushBlob(layover.url, 'team/app', `blob ${index}`);
    await receiver.waitFor(5);
    expect(silent.offered).toHaveLength(1);
    expect(await layover.kill('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  it('gets its configured headers, which appear nowhere else', async () => {
    await using receiver = await Receiver.start();
    const url = `${receiver.url.replace('//', '//hook:hush-url@')}/events?token=hush-query`;
    await using layover = await startLayover([endpoint(receiver, { url, headers: { 'X-Token': ['hush-header'] } })], {
      ...WITH_METRICS,
      log: { level: 'debug' },
    });
    receiver.behaviour = 500;
    await pushBlob(layover.url, 'team/app', 'one');
    await receiver.waitForOffers(2);
    receiver.behaviour = 200;
    await receiver.waitFor(1);
    expect(receiver.taken[0]?.headers).toMatchObject({
      authorization: `Basic ${Buffer.from('hook:hush-url').toString('base64')}`,
      'x-token': 'hush-header',
    });
    const pages = await Promise.all(
      ['/metrics', '/debug/health', '/debug/vars'].map(async (path) => (await fetch(layover.debugUrl + path)).text()),
    );
    const files = await readdir(join(layover.dataDirectory, 'layover/events'), {
      recursive: true,
      withFileTypes: true,
    });
    const contents = files
      .filter((file) => file.isFile())
      .map((file) => readFile(join(file.parentPath, file.name), 'utf8'));
    await layover.kill('SIGTERM');
    for (const text of [...pages, ...(await Promise.all(contents)), layover.output]) expect(text).not.toContain('hush');
  });

  it('that rejects an event too often gets the next one, and the event becomes a dead letter', async () => {
    await using receiver = await Receiver.start();
    receiver.behaviour = 400;
    await using layover = await startLayover([endpoint(receiver)], WITH_METRICS, { maxattempts: 3 });
    await pushBlob(layover.url, 'team/app', 'bad');
    await layover.waitForOutput(/moved to the dead letters/);
    receiver.behaviour = 200;
    await pushBlob(layover.url, 'team/app', 'good');
    await receiver.waitFor(1);

    expect(receiver.offered).toHaveLength(4);
    const letters = await readFile(join(layover.dataDirectory, 'layover/events/audit/dead-letters.jsonl'), 'utf8');
    expect(JSON.parse(letters)).toEqual({
      givenUpAt: expect.any(String) as string,
      reason: '400 Bad Request',
      event: receiver.offered[0]?.event,
    });
    expect(await metricsOf(layover)).toContain('layover_notifications_dead_letters_total{endpoint="audit"} 1');
  });

  it('that was down for too long gets recent events, and old ones become dead letters', async () => {
    await using receiver = await Receiver.start();
    receiver.behaviour = 503;
    await using layover = await startLayover([endpoint(receiver)], {}, { maxage: '1s' });
    await pushBlob(layover.url, 'team/app', 'old');
    await layover.waitForOutput(/moved to the dead letters/);
    receiver.behaviour = 200;
    await pushBlob(layover.url, 'team/fresh', 'fresh');
    expect((await receiver.waitFor(1)).map(summaryOf)).toEqual(['push team/fresh']);
  });

  it('with a full queue gets pushes before pulls, and the newest of them', async () => {
    await using receiver = await Receiver.start();
    receiver.behaviour = 503;
    await using layover = await startLayover([endpoint(receiver, { ignore: {} })], WITH_METRICS, { maxevents: 3 });
    const digest = await pushBlob(layover.url, 'team/app', 'one');
    for (let index = 0; index < 5; index++) {
      await (await fetch(`${layover.url}/v2/team/app/blobs/${digest}`)).arrayBuffer();
    }
    for (const name of ['two', 'three', 'four']) await pushBlob(layover.url, `team/${name}`, name);
    await vi.waitFor(async () => {
      const metrics = await metricsOf(layover);
      expect(metrics).toContain('layover_notifications_dropped_total{endpoint="audit"} 5');
      expect(metrics).toContain('layover_notifications_dead_letters_total{endpoint="audit"} 1');
    });
    receiver.behaviour = 200;
    expect((await receiver.waitFor(3)).map(summaryOf)).toEqual(['push team/two', 'push team/three', 'push team/four']);
  });
});

describe('processes that share a directory', () => {
  it('each have a queue, and one sends the events of another that was killed', async () => {
    await using receiver = await Receiver.start();
    receiver.behaviour = 503;
    await using first = await startProcess([endpoint(receiver)]);
    await using second = await Layover.startProcess({
      dataDirectory: first.dataDirectory,
      config: { notifications: { endpoints: [endpoint(receiver)] } },
    });
    await pushBlob(first.url, 'team/first', 'one');
    await pushBlob(second.url, 'team/second', 'two');
    await receiver.waitForOffers(4);
    const queues = await readdir(join(first.dataDirectory, 'layover/events/audit'));
    expect(queues.toSorted()).toEqual(['0', '1']);

    await first.kill('SIGKILL');
    receiver.behaviour = 200;
    expect((await receiver.waitFor(2)).map(summaryOf).toSorted()).toEqual(['push team/first', 'push team/second']);
    await vi.waitFor(
      async () => expect(await readdir(join(first.dataDirectory, 'layover/events/audit'))).toEqual(['1']),
      { timeout: 10_000 },
    );
    expect(receiver.taken).toHaveLength(2);
  });

  it('without a directory keep events in memory, and log that', async () => {
    await using receiver = await Receiver.start();
    await using layover = await startLayover([endpoint(receiver)], {
      storage: { filesystem: undefined, inmemory: {} },
    });
    await layover.waitForOutput(/webhook queue in memory only/);
    await pushBlob(layover.url, 'team/app', 'one');
    expect((await receiver.waitFor(1)).map(summaryOf)).toEqual(['push team/app']);

    receiver.behaviour = 503;
    await pushBlob(layover.url, 'team/app', 'two');
    await receiver.waitForOffers(2);
    await layover.kill('SIGTERM');
    expect(layover.output).toMatch(/queued webhook events lost.*pending=1|pending=1.*events lost/);
  });
});
