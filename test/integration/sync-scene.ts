import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect } from 'vitest';

import { RemoteControl } from '../../src/admin/remote-control.ts';
import { runProgram } from '../../src/commands/program.ts';
import type { JobImage } from '../../src/operations/job-control.ts';
import type { FakeClock } from '../support/fake-clock.ts';
import type { Hub } from '../support/hub.ts';
import type { ConfigObject, Layover } from '../support/layover.ts';
import { type CacheOptions, startCache } from './scene.ts';

export interface SyncScene extends AsyncDisposable {
  readonly layover: Layover;
  readonly control: RemoteControl;
  /** Runs the rule to its end. @returns its images by name, each with its outcome */
  sync(rule?: string): Promise<Record<string, string>>;
  /** The same with all of the rows. */
  rows(rule?: string): Promise<readonly JobImage[]>;
  /** A command of the program, in this process. */
  command(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }>;
}

/** A cache with a rule, whose tags are never fresh. */
export async function startSync(
  hub: Hub,
  rule: ConfigObject,
  { proxy, upstream, clock, ...options }: CacheOptions & { readonly clock?: FakeClock } = {},
): Promise<SyncScene> {
  const layover = await startCache(hub, {
    ...options,
    ...(clock && { clock }),
    upstream: { tags: { ttl: '0s', rules: [] }, ...upstream },
    proxy: { sync: [{ name: 'base', ...rule }], ...proxy },
  });
  const control = new RemoteControl({ url: `unix:${join(layover.dataDirectory, 'layover', 'admin.sock')}` });
  const rows = async (name = 'base') => {
    await control.runJob(name);
    await expect
      .poll(async () => {
        await clock?.advance(1_000);
        return (await control.job(name)).running;
      })
      .toBe(false);
    return control.jobImages(name, 0);
  };
  return {
    ...{ layover, control, rows },
    sync: async (name) => outcomesOf(await rows(name)),
    command: (...args) => runHere([...args, '--config', layover.configFile]),
    [Symbol.asyncDispose]: () => layover[Symbol.asyncDispose](),
  };
}

export function outcomesOf(rows: readonly JobImage[]): Record<string, string> {
  return Object.fromEntries(rows.map(({ name, outcome }) => [name.replace('docker.io/library/', ''), outcome]));
}

async function runHere(args: readonly string[]) {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const written = Promise.all([text(out), text(err)]);
  const code = await runProgram(args, { invokedAs: 'layover', env: {}, stdin: new PassThrough(), out, err });
  out.end();
  err.end();
  const [stdout, stderr] = await written;
  return { code, stdout, stderr };
}
