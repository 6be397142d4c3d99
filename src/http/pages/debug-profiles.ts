import { type HeapProfiler, type Profiler, Session } from 'node:inspector/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { getHeapSnapshot } from 'node:v8';

import express, { type Request, type Response, type Router as Pages } from 'express';

/** Below which all profiles are. */
export const PROFILES_PATH = '/debug/pprof';
const CPU = '/profile';
const HEAP = '/heap';
export const PROFILE_PAGES: readonly string[] = [PROFILES_PATH + CPU, PROFILES_PATH + HEAP];

/** As Go's. */
const DEFAULT_SECONDS = 30;
/** Nobody remembers a profile that runs for longer. */
const MAX_SECONDS = 60;
/** V8's own interval is finer and costs more. Bytes allocated between two samples. */
const HEAP_SAMPLE_BYTES = 64 * 1024;

type Recording = (
  session: Session,
  wait: () => Promise<void>,
) => Promise<Profiler.Profile | HeapProfiler.SamplingHeapProfile>;

/**
 * Profiles for Chrome's developer tools and editors, at Go's addresses below {@link PROFILES_PATH}. One at a time: each slows the
 * process. A snapshot holds every secret, and a profile the paths of the program: not to be mounted where anybody gets them.
 */
export function createProfilePages(): Pages {
  const desk = new ProfileDesk();
  const pages = express.Router();
  pages.use((_request, response, next) => {
    response.set({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    next();
  });
  pages.get(CPU, (request, response) => desk.record(recordCpu, 'cpuprofile', { request, response }));
  pages.get(HEAP, (request, response) =>
    request.query['snapshot'] === '1'
      ? desk.snapshot(response)
      : desk.record(recordHeap, 'heapprofile', { request, response }),
  );
  return pages;
}

interface Asked {
  readonly request: Request;
  readonly response: Response;
}

class ProfileDesk {
  #isBusy = false;

  async record(recording: Recording, extension: string, { request, response }: Asked): Promise<void> {
    const seconds = secondsOf(request);
    if (seconds === undefined) {
      refuse(response, 400, `seconds must be a number above 0 and up to ${MAX_SECONDS}`);
      return;
    }
    await this.#alone(response, async () => {
      const left = new AbortController();
      response.once('close', () => left.abort());
      const profile = await inSession((session) => recording(session, () => pause(seconds * 1000, left.signal)));
      if (!response.destroyed) response.attachment(fileName(extension)).type('json').send(JSON.stringify(profile));
    });
  }

  /** The whole memory, with every secret in it. */
  async snapshot(response: Response): Promise<void> {
    await this.#alone(response, async () => {
      response.attachment(fileName('heapsnapshot')).type('json');
      // Who leaves in the middle needs no answer.
      await pipeline(getHeapSnapshot(), response).catch(() => undefined);
    });
  }

  async #alone(response: Response, work: () => Promise<void>): Promise<void> {
    if (this.#isBusy) {
      refuse(response, 409, 'another profile is being made');
      return;
    }
    this.#isBusy = true;
    try {
      await work();
    } finally {
      this.#isBusy = false;
    }
  }
}

async function recordCpu(session: Session, wait: () => Promise<void>): Promise<Profiler.Profile> {
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  await wait();
  return (await session.post('Profiler.stop')).profile;
}

/** What was allocated meanwhile and is still held. */
async function recordHeap(session: Session, wait: () => Promise<void>): Promise<HeapProfiler.SamplingHeapProfile> {
  await session.post('HeapProfiler.startSampling', { samplingInterval: HEAP_SAMPLE_BYTES });
  await wait();
  return (await session.post('HeapProfiler.stopSampling')).profile;
}

async function inSession<T>(work: (session: Session) => Promise<T>): Promise<T> {
  const session = new Session();
  session.connect();
  try {
    return await work(session);
  } finally {
    session.disconnect();
  }
}

/** Ends early, without an error, when nobody waits any more. */
async function pause(ms: number, left: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal: left }).catch(() => undefined);
}

function secondsOf({ query }: Request): number | undefined {
  const { seconds = String(DEFAULT_SECONDS) } = query;
  if (typeof seconds !== 'string' || !/^\d*\.?\d+$/.test(seconds)) return undefined;
  const parsed = Number(seconds);
  return parsed > 0 && parsed <= MAX_SECONDS ? parsed : undefined;
}

function fileName(extension: string): string {
  return `layover-${process.pid}-${new Date().toISOString().replaceAll(':', '-')}.${extension}`;
}

function refuse(response: Response, status: number, error: string): void {
  response.status(status).json({ error });
}
