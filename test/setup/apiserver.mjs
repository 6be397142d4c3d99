// Builds a Kubernetes API server from Go modules: about seven minutes of CPU, once for each version.
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { downloadGoModule, findGo, left } from './go-programs.mjs';
import { CACHE, find, run, say } from './programs.mjs';

/** The same as that of the schemas. */
export const KUBERNETES = ['k8s.io/kubernetes', 'v1.37.2'];
const PROGRAM = 'layover-apiserver';
const TIMEOUT_MS = 1_800_000;
const SOURCE = join(import.meta.dirname, '../chart/apiserver/main.go');

export function buildApiServer() {
  if (find(PROGRAM)) return;
  say(`building Kubernetes ${KUBERNETES[1]}, which takes minutes`);
  const started = Date.now();
  const { ok, problem } = build(started + TIMEOUT_MS);
  const why = join(CACHE, `${PROGRAM}.failed`);
  if (!ok) {
    writeFileSync(why, problem);
    return say(`${PROGRAM} could not be built: ${problem}; its tests are skipped`);
  }
  rmSync(why, { force: true });
  return say(`built ${PROGRAM} in ${Math.round((Date.now() - started) / 1000)} s`);
}

function build(deadline) {
  const kubernetes = downloadGoModule(...KUBERNETES, { deadline });
  if (!kubernetes.ok) return kubernetes;
  const folder = join(CACHE, PROGRAM);
  mkdirSync(folder, { recursive: true });
  copyFileSync(SOURCE, join(folder, 'main.go'));
  copyFileSync(join(kubernetes.directory, 'go.sum'), join(folder, 'go.sum'));
  writeFileSync(join(folder, 'go.mod'), goMod(readFileSync(join(kubernetes.directory, 'go.mod'), 'utf8')));
  // Without optimisation, as compiling takes longer than what runs.
  const flags = ['-mod=mod', '-gcflags=all=-N -l', `-ldflags=${linkerFlags()}`];
  const args = ['build', ...flags, '-o', join(CACHE, 'bin', PROGRAM), '.'];
  return run(findGo(), args, { cwd: folder, timeout: left(deadline), env: { CGO_ENABLED: '0' } });
}

/** Kubernetes replaces its own modules by folders of its repository; outside of it they have versions. */
function goMod(original) {
  const [module, version] = KUBERNETES;
  const staged = original.matchAll(/^\s*(\S+) => \.\/staging\/\S+$/gm);
  const replaced = [...staged].map(([, name]) => `${name} => ${name} ${version.replace('v1', 'v0')}`);
  const [, goVersion] = /^go (\S+)$/m.exec(original);
  const [, etcd] = /go\.etcd\.io\/etcd\/server\/v3 (\S+)/.exec(original);
  const required = [`${module} ${version}`, `go.etcd.io/etcd/server/v3 ${etcd}`];
  const block = (name, lines) => `${name} (\n\t${lines.join('\n\t')}\n)\n`;
  return `module layover.test/apiserver\n\ngo ${goVersion}\n\n${block('require', required)}\n${block('replace', replaced)}`;
}

/** Without a version, the chart's kubeVersion is not met. */
function linkerFlags() {
  const version = 'k8s.io/component-base/version';
  const [major, minor] = KUBERNETES[1].slice(1).split('.');
  const values = { gitVersion: KUBERNETES[1], gitMajor: major, gitMinor: minor };
  return ['-s -w', ...Object.entries(values).map(([name, value]) => `-X ${version}.${name}=${value}`)].join(' ');
}
