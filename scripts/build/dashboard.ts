import { join } from 'node:path';

import { PAGE } from './inputs.ts';

/** Writes the files that browsers load. Every address in them is relative, and nothing is inline, so that their policy can be strict. */
export async function buildDashboard(root: string, outDir: string): Promise<void> {
  const { build } = await import('vite');
  await build({
    root: join(root, PAGE),
    configFile: false,
    base: './',
    publicDir: false,
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir,
      emptyOutDir: true,
      assetsInlineLimit: 0,
      cssCodeSplit: false,
      modulePreload: { polyfill: false },
      target: ['chrome123', 'firefox120', 'safari17.5'],
    },
  });
}
