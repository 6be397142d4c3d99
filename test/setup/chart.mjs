// Builds what checks the Helm chart, and runs its tests.
//   npm run test:chart                      without a cluster
//   npm run test:chart -- --apiserver       also installs the chart on a Kubernetes API server, which is built first
//   npm run test:chart -- -u                writes the golden files
//   node test/setup/chart.mjs --build [--apiserver]   builds only, ahead of the tests
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { buildApiServer, KUBERNETES } from './apiserver.mjs';
import { buildGoProgram, downloadGoModule, findGo, HELM_3, left } from './go-programs.mjs';
import { CACHE, run, say } from './programs.mjs';

/** Program → module, version, package. */
const PROGRAMS = {
  kubeconform: ['github.com/yannh/kubeconform', 'v0.8.0', './cmd/kubeconform'],
  'controller-gen': ['sigs.k8s.io/controller-tools', 'v0.23.0', './cmd/controller-gen'],
  helm4: ['helm.sh/helm/v4', 'v4.3.1', './cmd/helm'],
  helm: HELM_3,
};
/** Modules with schemas. Gateway API 1.7 needs Go 1.27. */
const SOURCES = {
  kubernetes: KUBERNETES,
  gatewayApi: ['sigs.k8s.io/gateway-api', 'v1.6.3'],
  certManager: ['github.com/cert-manager/cert-manager', 'v1.21.2'],
};
/** The types of the Prometheus operator; its CRDs are generated from them, as their own module is not published. */
const MONITORING = ['github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring', 'v0.95.2'];
/** For all of it. */
const TIMEOUT_MS = 900_000;

const FOLDER = join(CACHE, 'chart');

function prepare() {
  const deadline = Date.now() + TIMEOUT_MS;
  mkdirSync(FOLDER, { recursive: true });
  const entries = Object.entries(SOURCES).flatMap(([name, [module, version]]) => {
    const { ok, directory, problem } = downloadGoModule(module, version, { deadline });
    if (!ok) say(`${module} could not be downloaded: ${problem}; tests with its schemas are skipped`);
    return ok ? [[name, directory]] : [];
  });
  for (const [program, source] of Object.entries(PROGRAMS)) buildGoProgram(program, source, { deadline });
  const monitoring = generateMonitoringCrds(deadline);
  if (monitoring) entries.push(['monitoring', monitoring]);
  writeFileSync(join(FOLDER, 'sources.json'), JSON.stringify(Object.fromEntries(entries), null, 2));
}

/** @returns the folder of the CRDs */
function generateMonitoringCrds(deadline) {
  const folder = join(FOLDER, `monitoring-${MONITORING[1]}`);
  mkdirSync(folder, { recursive: true });
  if (readdirSync(folder).length > 0) return folder;
  const { ok, directory, problem } = downloadGoModule(...MONITORING, { deadline });
  const generator = join(CACHE, 'bin/controller-gen');
  const args = ['crd:crdVersions=v1', 'paths=./v1', `output:crd:dir=${folder}`];
  const generated = ok
    ? run(generator, args, { cwd: directory, timeout: left(deadline), env: { PATH: pathWithGo() } })
    : { problem };
  if (generated.ok) return folder;
  rmSync(folder, { recursive: true });
  say(`no CRDs of the Prometheus operator: ${generated.problem}; tests with its schemas are skipped`);
  return undefined;
}

/** controller-gen runs `go`. */
function pathWithGo() {
  const go = findGo();
  return go?.includes('/') ? `${process.env.PATH}:${join(go, '..')}` : process.env.PATH;
}

/** @returns the exit code */
function runTests(args, hasApiServer) {
  const env = { ...process.env, ...(hasApiServer && { CHART_APISERVER: '1' }) };
  return (
    spawnSync('vitest', ['run', '--config', 'vitest.chart.config.ts', ...args], { stdio: 'inherit', env }).status ?? 1
  );
}

const OWN_OPTIONS = ['--apiserver', '--build'];
const args = process.argv.slice(2);
const [hasApiServer, isOnlyBuilt] = OWN_OPTIONS.map((option) => args.includes(option));
prepare();
if (hasApiServer) buildApiServer();
if (!isOnlyBuilt) {
  process.exitCode = runTests(
    args.filter((arg) => !OWN_OPTIONS.includes(arg)),
    hasApiServer,
  );
}
