import { type HeapProfiler, type Profiler, Session } from 'node:inspector/promises';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { getHeapSnapshot } from 'node:v8';

import express, { type Request, type Response, type Router as Pages } from 'express';

/** Path of all profiles. */
export const PROFILES_PATH = '/debug/pprof';
const CPU = '/profile';
const HEAP = '/heap';
export const PROFILE_PAGES: readonly string[] = [PROFILES_PATH + CPU, PROFILES_PATH + HEAP];

/** The default of Go. */
const DEFAULT_SECONDS = 30;
/** A profile slows the process, so that it must not run for long. */
const MAX_SECONDS = 60;
/** Bytes allocated between two samples. V8's default is finer and costs more. */
const HEAP_SAMPLE_BYTES = 64 * 1024;

type Recording = (
  session: Session,
  wait: () => Promise<void>,
) => Promise<Profiler.Profile | HeapProfiler.SamplingHeapProfile>;

/**
 * Profiles for Chrome's developer tools and editors, at the paths of Go below {@link PROFILES_PATH}. One at a time, because each slows
 * the process. A snapshot contains every secret, and a profile the paths of the program: mount them only behind authentication.
 */
export function createProfilePages(): Pages {
  const recorder = new ProfileRecorder();
  const pages = express.Router();
  pages.use((_request, response, next) => {
    response.set({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    next();
  });
  pages.get(CPU, (request, response) => recorder.record(recordCpu, 'cpuprofile', { request, response }));
  pages.get(HEAP, (request, response) =>
    request.query['snapshot'] === '1'
      ? recorder.snapshot(response)
      : recorder.record(recordHeap, 'heapprofile', { request, response }),
  );
  return pages;
}

interface ProfileRequest {
  readonly request: Request;
  readonly response: Response;
}

class ProfileRecorder {
  #isBusy = false;

  async record(recording: Recording, extension: string, { request, response }: ProfileRequest): Promise<void> {
    const seconds = secondsOf(request);
    if (seconds === undefined) {
      refuse(response, 400, `seconds must be a number above 0 and up to ${MAX_SECONDS}`);
      return;
    }
    await this.#exclusively(response, async () => {
      const closed = new AbortController();
      response.once('close', () => closed.abort());
      const profile = await inSession((session) => recording(session, () => pause(seconds * 1000, closed.signal)));
      if (!response.destroyed) response.attachment(fileName(extension)).type('json').send(JSON.stringify(profile));
    });
  }

  /** The whole memory, with every secret in it. */
  async snapshot(response: Response): Promise<void> {
    await this.#exclusively(response, async () => {
      response.attachment(fileName('heapsnapshot')).type('json');
      // Fails when the client disconnects.
      await pipeline(getHeapSnapshot(), response).catch(() => undefined);
    });
  }

  async #exclusively(response: Response, work: () => Promise<void>): Promise<void> {
    if (this.#isBusy) {
      refuse(response, 409, 'another profile is being recorded');
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

/** Memory allocated while recording and still in use. */
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

/** Ends early, without an error, when the client disconnects. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
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
