import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { build, type Plugin } from 'esbuild';

/** Each is a file that a process runs: the program, and those that it starts. They find each other next to the code that starts them. */
const ENTRIES = {
  main: 'src/main.ts',
  'program/worker-main': 'src/workers/worker-main.ts',
  'program/pulls-check': 'src/audit/pulls-check.ts',
  'program/index-check': 'src/usage/index-check.ts',
};

/** Has what cannot be in a file of JavaScript: machine code, or packages that it looks up while it runs. */
const EXTERNAL = ['lmdb', '@node-rs/bcrypt', '@opentelemetry/*', '@aws-sdk/*'];

/**
 * Packages that src imports by `import()` stay in node_modules: of a CommonJS package in a bundle, `import()` has no names, only the default.
 */
const importedLater: Plugin = {
  name: 'imported-later',
  setup(bundle) {
    bundle.onResolve({ filter: /^[^./]/ }, ({ kind, path, importer }) =>
      kind === 'dynamic-import' && !importer.includes('/node_modules/') ? { path, external: true } : undefined,
    );
  },
};

/** CommonJS packages require modules of Node. */
const REQUIRE = `import { createRequire as layoverRequire } from 'node:module';\nconst require = layoverRequire(import.meta.url);`;

/**
 * Writes the program as few files, packages included. Node spends about 0.7 ms of CPU on each file that it loads, and the sources and
 * their packages are some 700 files.
 */
export async function bundleProgram(root: string, outdir: string): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: ENTRIES,
    outdir,
    entryNames: '[dir]/[name]',
    chunkNames: 'program/[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: await oldestNode(root),
    external: EXTERNAL,
    plugins: [importedLater],
    banner: { js: REQUIRE },
    // For debuggers next to src/; the package leaves them out.
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
  });
}

async function oldestNode(root: string): Promise<string> {
  const { engines } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { engines: { node: string } };
  return `node${engines.node.replace(/[^\d.]/g, '')}`;
}
