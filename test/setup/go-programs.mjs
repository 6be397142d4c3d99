// Builds programs from Go modules, below node_modules.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { CACHE, find, isExecutable, run, say } from './programs.mjs';

/** Module, version, package. */
export const HELM_3 = ['helm.sh/helm/v3', 'v3.22.0', './cmd/helm'];
const INSTALL_TIMEOUT_MS = 600_000;

/** On `PATH`, or where its own installer puts it. */
export const findGo = () => (find('go') ? 'go' : ['/usr/local/go/bin/go'].find(isExecutable));

/** Builds a program below node_modules; the folders are those that its tests look in. */
export function goInstall(program, source) {
  const { GOBIN, GOPATH, HOME = '' } = process.env;
  const bin = join(CACHE, 'bin');
  const folders = [GOBIN, GOPATH && join(GOPATH, 'bin'), join(HOME, 'go/bin'), bin].filter(Boolean);
  if (find(program) || folders.some((folder) => isExecutable(join(folder, program)))) return;
  const go = findGo();
  if (!go) return say(`${program} is missing, and so is go to build it; its tests are skipped`);
  say(`${program} is missing: building it with go install below node_modules/.cache`);
  mkdirSync(bin, { recursive: true });
  const { ok, problem } = run(go, ['install', source], { env: { GOBIN: bin }, timeout: INSTALL_TIMEOUT_MS });
  if (!ok) say(`no ${program} (${problem}); its tests are skipped`);
}

/** Below node_modules, unless it is there. What could not be built says why in a file that its tests read. */
export function buildGoProgram(program, source, { deadline, command = ['build', '-trimpath', '-ldflags=-s -w'] }) {
  if (find(program)) return;
  mkdirSync(join(CACHE, 'bin'), { recursive: true });
  const started = Date.now();
  const { ok, problem } = buildGoModule(program, source, { deadline, command });
  const why = join(CACHE, `${program}.failed`);
  if (ok) {
    rmSync(why, { force: true });
    say(`built ${program} in ${Math.round((Date.now() - started) / 1000)} s`);
  } else {
    writeFileSync(why, problem);
    say(`${program} could not be built: ${problem}; its tests are skipped`);
  }
}

/** In the module's own directory, so with the dependencies that it was released with; without C, as not every machine has a compiler. */
function buildGoModule(program, [module, version, path], { deadline, command }) {
  const source = downloadGoModule(module, version, { deadline });
  if (!source.ok) return source;
  const args = [...command, '-o', join(CACHE, 'bin', program), path];
  return run(findGo(), args, { cwd: source.directory, timeout: left(deadline), env: { CGO_ENABLED: '0' } });
}

/** @returns `directory`, or `problem` */
export function downloadGoModule(module, version, { deadline }) {
  const go = findGo();
  if (!go) return { ok: false, problem: 'go is missing' };
  const got = run(go, ['mod', 'download', '-json', `${module}@${version}`], { timeout: left(deadline) });
  return got.ok ? { ok: true, directory: JSON.parse(got.stdout).Dir } : { ok: false, problem: downloadProblem(got) };
}

/** Milliseconds. */
export const left = (deadline) => Math.max(1, deadline - Date.now());

/** `go mod download -json` has its error in the JSON. */
function downloadProblem({ stdout, problem }) {
  try {
    return JSON.parse(stdout).Error.replaceAll(/\s+/g, ' ');
  } catch {
    return problem;
  }
}
