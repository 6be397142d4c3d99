import { spawn } from 'node:child_process';

import { ControlError } from '../operations/control-error.ts';
import type { CacheOutput } from './cache.ts';
import type { CacheTarget } from './cache-target.ts';

const OPENERS: Partial<Record<NodeJS.Platform, string>> = { darwin: 'open', win32: 'explorer' };

/** `layover open`. @throws {ControlError} without a running server */
export async function openDashboard(
  { links }: CacheTarget,
  { browser }: { readonly browser: boolean },
  output: CacheOutput,
): Promise<void> {
  if (!links) throw new ControlError('unavailable', 'no server is running (start it with layover serve)');
  const link = await links.createLink();
  output.out.write(output.json ? `${JSON.stringify(link)}\n` : `${link.url}\n`);
  if (browser) await openBrowser(link.url);
}

async function openBrowser(url: string): Promise<void> {
  const program = OPENERS[process.platform] ?? 'xdg-open';
  const started = spawn(program, [url], { detached: true, stdio: 'ignore' });
  await new Promise<void>((resolve, reject) => {
    started.once('spawn', resolve);
    started.once('error', () =>
      reject(new ControlError('unavailable', `cannot start ${program}: open the link above`)),
    );
  });
  started.unref();
}
