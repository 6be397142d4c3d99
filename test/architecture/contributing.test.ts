import { access, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '../..');
const read = (name: string) => readFile(join(root, name), 'utf8');
const PAGES = [
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CODE_OF_CONDUCT.md',
  'changes/README.md',
  '.github/PULL_REQUEST_TEMPLATE.md',
];

async function missing(paths: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    paths.map((path) =>
      access(join(root, path)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return paths.filter((_, i) => !found[i]);
}

/** JSON with comments that have a line each. */
async function readJson(name: string): Promise<unknown> {
  return JSON.parse((await read(name)).replaceAll(/^\s*\/\/.*$/gm, '')) as unknown;
}

describe('pages for contributors', () => {
  it.each(PAGES)('%s names files that exist', async (page) => {
    const text = await read(page);
    const named = [...text.matchAll(/[`\s]((?:src|test|tests|config|scripts|docs|changes)\/[\w./-]*[\w/])/g)];
    const linked = [...text.matchAll(/\]\(([^)#\s:]+)(?:#[^)]*)?\)/g)].map(([, target = '']) =>
      join(page, '..', target),
    );
    // Made by a command that the page describes.
    const made = ['tests/cloud-storage/'];
    const paths = [...named.map(([, path = '']) => path), ...linked].filter((path) => !made.includes(path));
    expect(await missing(paths)).toEqual([]);
  });

  it.each(PAGES)('%s names npm scripts and make targets that exist', async (page) => {
    const text = await read(page);
    const { scripts } = JSON.parse(await read('package.json')) as { scripts: Record<string, string> };
    const run = [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name = '']) => name);
    expect(run.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
    const makefile = await read('Makefile');
    const made = [...text.matchAll(/[`\n]make ([a-z][a-z0-9-]+)/g)].map(([, name = '']) => name);
    expect(made.filter((name) => !new RegExp(`^(?:\\S+ )*${name}(?: \\S+)*:`, 'm').test(makefile))).toEqual([]);
  });

  it('the pages together name scripts, targets and files', async () => {
    const text = await read('CONTRIBUTING.md');
    expect([...text.matchAll(/\bnpm run /g)].length).toBeGreaterThan(10);
    expect([...text.matchAll(/`src\//g)].length).toBeGreaterThan(10);
  });
});

describe('settings of editors', () => {
  it('.editorconfig agrees with biome.json', async () => {
    const { formatter } = JSON.parse(await read('biome.json')) as {
      formatter: { indentStyle: string; indentWidth: number; lineWidth: number };
    };
    const [, all = ''] = (await read('.editorconfig')).split(/^\[/m);
    const settings = Object.fromEntries([...all.matchAll(/^(\w+) = (.*)$/gm)].map(([, key, value]) => [key, value]));
    expect(settings).toMatchObject({
      indent_style: formatter.indentStyle,
      indent_size: String(formatter.indentWidth),
      max_line_length: String(formatter.lineWidth),
    });
  });

  it('launch configurations start programs and tasks that exist', async () => {
    const { configurations } = (await readJson('.vscode/launch.json')) as {
      configurations: readonly { name: string; program?: string; preLaunchTask?: string }[];
    };
    const programs = configurations.flatMap(({ program }) => program?.replace('${workspaceFolder}/', '') ?? []);
    expect(programs).toContain('src/main.ts');
    expect(await missing(programs)).toEqual([]);
    const { tasks } = (await readJson('.vscode/tasks.json')) as {
      tasks: readonly { label: string; script?: string }[];
    };
    const labels = new Set(tasks.map(({ label }) => label));
    expect(
      configurations.flatMap(({ preLaunchTask }) => preLaunchTask ?? []).filter((label) => !labels.has(label)),
    ).toEqual([]);
  });

  it('tasks run scripts that exist', async () => {
    const { scripts } = JSON.parse(await read('package.json')) as { scripts: Record<string, string> };
    const { tasks } = (await readJson('.vscode/tasks.json')) as { tasks: readonly { script?: string }[] };
    expect(tasks.flatMap(({ script }) => script ?? []).filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });

  it('the dev container recommends what .vscode does', async () => {
    const container = (await readJson('.devcontainer/devcontainer.json')) as {
      customizations: { vscode: { extensions: readonly string[] } };
    };
    const { recommendations } = (await readJson('.vscode/extensions.json')) as { recommendations: readonly string[] };
    expect(container.customizations.vscode.extensions).toEqual(recommendations);
  });
});

describe('issue templates', () => {
  it('are forms with a name, a description and required fields', async () => {
    const names = (await readdir(join(root, '.github/ISSUE_TEMPLATE'))).filter((name) => name !== 'config.yml');
    expect(names.length).toBeGreaterThan(1);
    for (const name of names) {
      const form = parse(await read(`.github/ISSUE_TEMPLATE/${name}`)) as {
        name: string;
        description: string;
        body: readonly { type: string; id?: string; attributes: object; validations?: { required: boolean } }[];
      };
      expect(form).toMatchObject({ name: expect.any(String), description: expect.any(String) });
      expect(form.body.some(({ validations }) => validations?.required)).toBe(true);
      const ids = form.body.flatMap(({ id }) => id ?? []);
      expect(new Set(ids).size).toBe(ids.length);
    }
  });
});
