// Finds the programs that the tests run, and fetches what is missing from Debian or Ubuntu.
//   node test/setup/prepare.mjs             the registry that stands in for Docker Hub, Redis and Prometheus; needs no root
//   node test/setup/prepare.mjs --clients   container clients; installs as root
//   node test/setup/prepare.mjs --go-clients  clients that Debian has no package of, by go; needs no root
//   node test/setup/prepare.mjs --s3        S3 servers: versitygw by go, Swift from Debian's packages; needs no root
//   node test/setup/prepare.mjs --storage   servers of other object stores, by go and npm; Ceph, which installs as root
//   node test/setup/prepare.mjs --versitygw  this S3 server alone, for `make start-cloud-storage`
//   node test/setup/prepare.mjs --conformance  the OCI conformance suites, by go; needs no root
//   node test/setup/prepare.mjs --packages  what runs the image and stands in front of replicas; installs as root
//   node test/setup/prepare.mjs --bench     what the benchmark compares with; installs as root
// It never fails a run: what stays missing is said here, and again by the tests that are skipped for it.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { buildGoProgram, goInstall, HELM_3 } from './go-programs.mjs';
import { CACHE, find, run, say, UNPACKED } from './programs.mjs';

/** Program → package. */
const NEEDED = {
  test: {
    'docker-registry': 'docker-registry',
    // The program itself is in redis-tools; what it links to has other names in other releases.
    'redis-server': 'redis-server redis-tools libjemalloc2 liblzf1 liblua5.1-0 lua-cjson lua-bitop libhiredis0.14',
    promtool: 'prometheus',
    prometheus: 'prometheus',
  },
  clients: {
    'docker-registry': 'docker-registry',
    docker: 'docker-cli docker.io', // a package of its own from Debian 13 on
    dockerd: 'docker.io',
    containerd: 'containerd',
    ctr: 'containerd',
    runc: 'runc',
    podman: 'podman',
    buildah: 'buildah',
    skopeo: 'skopeo',
  },
  packages: {
    podman: 'podman',
    runc: 'runc',
    nginx: 'nginx-light',
    haproxy: 'haproxy',
    unshare: 'util-linux',
    docker: 'docker-cli docker.io',
    dockerd: 'docker.io',
    'docker-compose': 'docker-compose',
    'docker-registry': 'docker-registry',
  },
  storage: {
    'ceph-mon': 'ceph-mon',
    'ceph-osd': 'ceph-osd',
    ceph: 'ceph-common',
    radosgw: 'radosgw',
    skopeo: 'skopeo',
  },
  bench: { 'docker-registry': 'docker-registry', curl: 'curl', nginx: 'nginx-light', wrk: 'wrk' },
};

const WITHOUT = {
  'docker-registry': 'Layover stands in for it',
  'redis-server': 'tests with Redis are skipped',
  promtool: 'tests of the alerts are skipped',
  prometheus: 'the test with a real Prometheus is skipped',
};

const VERSITYGW = 'github.com/versity/versitygw/cmd/versitygw@latest';
/**
 * Program → module, its version and the package in it; the lightest first, as time may run out. A version each: nothing new comes by itself.
 */
const GO_CLIENTS = {
  regctl: ['github.com/regclient/regclient', 'v0.11.7', './cmd/regctl'],
  crane: ['github.com/google/go-containerregistry', 'v0.22.1', './cmd/crane'],
  oras: ['oras.land/oras', 'v1.2.3', './cmd/oras'],
  helm: HELM_3,
};
/** The OCI conformance suite of release 1.1.1, a test of a package; its module has no tags, so this is the commit of the tag. */
const RELEASED_CONFORMANCE = [
  'github.com/opencontainers/distribution-spec/conformance',
  'v0.0.0-20250123160558-a139cc423184',
  '.',
];
const AZURITE = 'azurite@3.37.0';
/** Stands in for Google Cloud Storage. */
const FAKE_GCS_SERVER = ['github.com/fsouza/fake-gcs-server', 'v1.56.1', '.'];
/** For all of them together. */
const GO_CLIENTS_TIMEOUT_MS = 420_000;
const UPDATE_TIMEOUT_MS = 90_000;
const DOWNLOAD_TIMEOUT_MS = 60_000;
const INSTALL_TIMEOUT_MS = 600_000;
/** A machine without a way out is asked to try again only so often. */
const RETRY_AFTER_MS = 3_600_000;

const isRoot = process.getuid?.() === 0;

/** Downloads packages and unpacks them below node_modules; the machine stays as it is. Only the first has to exist. */
function unpack([name, ...libraries]) {
  const debs = join(CACHE, 'debs', name);
  rmSync(debs, { recursive: true, force: true });
  mkdirSync(debs, { recursive: true });
  const download = (options, wanted = name) =>
    run('apt-get', [...options, 'download', wanted], { cwd: debs, timeout: DOWNLOAD_TIMEOUT_MS });
  const asSelf = ['-qq', '-o', 'APT::Sandbox::User=root'];
  let options = asSelf;
  let got = download(options);
  if (!got.ok) {
    const ownLists = [
      ...asSelf,
      '-o',
      `Dir::State::Lists=${join(CACHE, 'apt/lists')}`,
      '-o',
      `Dir::Cache=${join(CACHE, 'apt')}`,
    ];
    for (const folder of ['apt/lists/partial', 'apt/archives/partial'])
      mkdirSync(join(CACHE, folder), { recursive: true });
    const updated = run('apt-get', [...ownLists, 'update'], { timeout: UPDATE_TIMEOUT_MS });
    options = ownLists;
    got = updated.ok ? download(options) : updated;
  }
  if (!got.ok) return got;
  for (const library of libraries) download(options, library);
  for (const deb of readdirSync(debs)) {
    const extracted = run('dpkg', ['-x', join(debs, deb), UNPACKED]);
    if (!extracted.ok) return extracted;
  }
  for (const folder of [debs, join(CACHE, 'apt')]) rmSync(folder, { recursive: true, force: true });
  return { ok: true };
}

function unpackMissing(program, packages) {
  const [name] = packages;
  const stamp = join(CACHE, `${name}.failed`);
  const failedAgo = Date.now() - (statSync(stamp, { throwIfNoEntry: false })?.mtimeMs ?? 0);
  if (failedAgo < RETRY_AFTER_MS) {
    say(`${program} is missing and could not be fetched lately (remove ${stamp} to try now); ${WITHOUT[program]}`);
    return;
  }
  say(`${program} is missing: unpacking Debian's ${name} below node_modules/.cache`);
  const { ok, problem } = unpack(packages);
  if (ok && find(program)) return rmSync(stamp, { force: true });
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(stamp, problem ?? '');
  say(`no ${program} (${problem ?? 'not in the package'}); ${WITHOUT[program]}`);
}

/** Installs packages; none of their services is started. */
function install(names) {
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const policy = '/usr/sbin/policy-rc.d';
  const ownPolicy = statSync(policy, { throwIfNoEntry: false }) === undefined;
  if (ownPolicy) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const attempt = () =>
      run('apt-get', ['install', '-qq', '-y', '--no-install-recommends', ...names], {
        env,
        timeout: INSTALL_TIMEOUT_MS,
      });
    const first = attempt();
    if (first.ok) return first;
    const updated = run('apt-get', ['-qq', 'update'], { env, timeout: UPDATE_TIMEOUT_MS });
    return updated.ok ? attempt() : first;
  } finally {
    if (ownPolicy) rmSync(policy);
  }
}

function installMissing(needed) {
  const missing = Object.keys(needed).filter((program) => !find(program));
  if (missing.length === 0) return;
  const candidates = [...new Set(missing.flatMap((program) => needed[program].split(' ')))];
  const known = (name) => name !== 'docker-cli' || run('apt-cache', ['show', '--no-all-versions', name]).ok;
  if (isRoot && find('apt-get')) {
    const names = candidates.filter(known);
    say(`installing ${names.join(', ')}`);
    const { ok, problem } = install(names);
    if (!ok) say(problem);
  }
  const still = missing.filter((program) => !find(program));
  if (still.length > 0)
    say(`still missing: ${still.join(', ')} (packages: ${candidates.join(', ')}); tests of these are skipped`);
}

function buildGoClients() {
  const deadline = Date.now() + GO_CLIENTS_TIMEOUT_MS;
  for (const [program, source] of Object.entries(GO_CLIENTS)) buildGoProgram(program, source, { deadline });
}

/** OpenStack Swift with all that it needs beyond what is installed, below node_modules; the machine stays as it is. */
function unpackSwift() {
  const root = join(CACHE, 'swift');
  const utils = join(root, 'usr/lib/python3/dist-packages/swift/common/utils.py');
  if (statSync(utils, { throwIfNoEntry: false })) return;
  say("unpacking Debian's python3-swift below node_modules/.cache");
  const { ok, problem } = downloadWithDependencies(['python3-swift', 'python3-lxml', 'python3-requests'], root);
  if (!ok || !statSync(utils, { throwIfNoEntry: false })) {
    rmSync(root, { recursive: true, force: true });
    return say(`no OpenStack Swift (${problem ?? 'not in the package'}); its tests are skipped`);
  }
  // It looks for its configuration in /etc alone.
  const code = readFileSync(utils, 'utf8');
  const line = "SWIFT_CONF_FILE = '/etc/swift/swift.conf'";
  writeFileSync(utils, code.replace(line, `SWIFT_CONF_FILE = os.environ['SWIFT_CONF_FILE']`));
}

function downloadWithDependencies(packages, root) {
  const simulate = ['install', '-s', '--no-install-recommends', ...packages];
  const planned = run('apt-get', simulate, { timeout: UPDATE_TIMEOUT_MS });
  if (!planned.ok) return planned;
  const names = planned.stdout.match(/(?<=^Inst )\S+/gm) ?? [];
  const debs = join(CACHE, 'debs', packages[0]);
  mkdirSync(debs, { recursive: true });
  const options = { cwd: debs, timeout: INSTALL_TIMEOUT_MS };
  const got = run('apt-get', ['-qq', '-o', 'APT::Sandbox::User=root', 'download', ...names], options);
  if (!got.ok) return got;
  for (const deb of readdirSync(debs)) {
    const extracted = run('dpkg', ['-x', join(debs, deb), root]);
    if (!extracted.ok) return extracted;
  }
  rmSync(debs, { recursive: true, force: true });
  return { ok: true };
}

/** Stands in for Azure; below node_modules, outside of package.json, as it has 450 packages. */
function installAzurite() {
  const directory = join(CACHE, 'azurite');
  const main = join(directory, 'node_modules/azurite/dist/src/blob/main.js');
  if (statSync(main, { throwIfNoEntry: false })) return;
  say('installing Azurite below node_modules/.cache');
  mkdirSync(directory, { recursive: true });
  const args = ['install', '--prefix', directory, '--no-audit', '--no-fund', '--ignore-scripts', AZURITE];
  const { ok, problem } = run('npm', args, { timeout: INSTALL_TIMEOUT_MS });
  if (!ok) say(`no Azurite (${problem}); its tests are skipped`);
}

if (process.argv.includes('--versitygw')) {
  goInstall('versitygw', VERSITYGW);
  process.exit();
}
if (process.argv.includes('--clients')) installMissing(NEEDED.clients);
if (process.argv.includes('--packages')) installMissing(NEEDED.packages);
if (process.argv.includes('--go-clients')) buildGoClients();
if (process.argv.includes('--s3')) {
  goInstall('versitygw', VERSITYGW);
  unpackSwift();
}
if (process.argv.includes('--storage')) {
  installMissing(NEEDED.storage);
  buildGoProgram('fake-gcs-server', FAKE_GCS_SERVER, { deadline: Date.now() + INSTALL_TIMEOUT_MS });
  installAzurite();
}
if (process.argv.includes('--conformance')) {
  goInstall('versitygw', VERSITYGW);
  goInstall('conformance', 'github.com/opencontainers/distribution-spec/conformance@latest');
  const deadline = Date.now() + INSTALL_TIMEOUT_MS;
  buildGoProgram('conformance.test', RELEASED_CONFORMANCE, { deadline, command: ['test', '-c', '-trimpath'] });
}
if (process.argv.includes('--bench')) installMissing(NEEDED.bench);
for (const [program, name] of Object.entries(NEEDED.test)) {
  const isElsewhere = program === 'redis-server' && process.env.REDIS_URL;
  if (!find(program) && !isElsewhere) unpackMissing(program, name.split(' '));
}
