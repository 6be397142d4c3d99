import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/** Runs of their own: they need root, or programs that are built or installed first. */
const SEPARATE_RUNS = ['browser', 'chart', 'clients', 'install', 'package', 's3', 'storage-servers'];
/** Kills, power failures, full and damaged disks, storms of requests, fuzzing: minutes of CPU, so a run of their own. */
const FAULTS = '.faults.test.ts';
/** A test that imports one of these, also through other files of test/, starts programs or Layover. */
const STARTS_PROGRAMS = ['node:child_process', 'test/support/layover.ts', 'test/support/hub.ts'];
/** A test that uses one of these starts programs that are not ours, such as Redis, pebble, curl or skopeo. */
const FOREIGN_PROGRAMS = ['findProgram', 'missingPrograms'];
/** Starts docker-registry as the upstream of most integration tests; that alone does not make it a foreign program. */
const UPSTREAM_STARTER = 'test/support/registry-backend.ts';

export interface Suites {
  /** Start no program, and no Layover. */
  readonly unit: readonly string[];
  readonly integration: readonly string[];
  /** Integration tests with programs that are not ours. */
  readonly foreign: readonly string[];
}

/**
 * Sorts tests by what they import, so that a new test needs no entry anywhere. Paths are relative to `root`.
 *
 * @param run `npm test`, or `npm run test:faults`
 */
export function findSuites(root: string, run: 'test' | 'faults'): Suites {
  const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && !SEPARATE_RUNS.some((folder) => file.startsWith(`${folder}/`)))
    .filter((file) => file.endsWith(FAULTS) === (run === 'faults'))
    .map((file) => join('test', file))
    .toSorted();
  const imports = new ImportsOfTests(root);
  const suites = { unit: [] as string[], integration: [] as string[], foreign: [] as string[] };
  for (const file of files) suites[suiteOf(imports.of(file))].push(file);
  return suites;
}

function suiteOf(imports: ReadonlySet<string>): keyof Suites {
  if (FOREIGN_PROGRAMS.some((name) => imports.has(name))) return 'foreign';
  return STARTS_PROGRAMS.some((name) => imports.has(name)) ? 'integration' : 'unit';
}

/** Reads each file of test/ once. Files of src/ and packages are not followed. */
class ImportsOfTests {
  readonly #root: string;
  readonly #direct = new Map<string, readonly string[]>();

  constructor(root: string) {
    this.#root = root;
  }

  /** Names of built-in modules, paths of files of test/, and the imported functions of {@link FOREIGN_PROGRAMS}. */
  of(file: string, found = new Set<string>()): ReadonlySet<string> {
    for (const imported of this.#directOf(file)) {
      if (found.has(imported)) continue;
      found.add(imported);
      if (imported.startsWith('test/') && imported !== UPSTREAM_STARTER) this.of(imported, found);
    }
    return found;
  }

  #directOf(file: string): readonly string[] {
    let direct = this.#direct.get(file);
    if (direct === undefined) this.#direct.set(file, (direct = this.#read(file)));
    return direct;
  }

  #read(file: string): readonly string[] {
    const text = readFileSync(join(this.#root, file), 'utf8');
    // Types are gone at run time.
    const statements = text.matchAll(/^(?:import|export)\s(?!type\b)([^;]*?)from '([^']+)'/gm);
    const isFollowed = (name: string) => name.startsWith('node:') || (name.startsWith('test/') && name.endsWith('.ts'));
    return [...statements].flatMap(([, names = '', from = '']) => [
      ...[from.startsWith('.') ? relative(this.#root, join(this.#root, dirname(file), from)) : from].filter(isFollowed),
      ...FOREIGN_PROGRAMS.filter((name) => names.includes(name)),
    ]);
  }
}
