import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';

import { freePort, RunningProcess, runProgram, waitForPort } from '../support/processes.ts';
import { findProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export const SWIFT_ACCESS_KEY = 'test:tester';
export const SWIFT_SECRET_KEY = 'testing';
export const SWIFT_BUCKET = 'registry';

/** Where `test/setup/prepare.mjs --s3` unpacks Debian's packages. */
const ROOT = join(import.meta.dirname, '../../node_modules/.cache/layover-tests/swift');
const PACKAGES = join(ROOT, 'usr/lib/python3/dist-packages');
const LIBRARIES = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map((name) => join(ROOT, 'usr/lib', name)).join(':');

/** Debian's Python, if OpenStack Swift runs on it here; the reason if not. */
export async function findSwift(): Promise<{ readonly python: string } | { readonly missing: string }> {
  const python = await findProgram('python3.11');
  if (python === undefined) return { missing: 'python3.11' };
  const imports = 'import swift.proxy.server, swift.common.middleware.s3api.s3api';
  return await runProgram('/usr/bin/python3.11', ['-c', imports], { env: environment('/dev/null') }).then(
    () => ({ python: '/usr/bin/python3.11' }),
    (err: unknown) => ({ missing: String(err).split('\n').at(-2) ?? String(err) }),
  );
}

export interface SwiftServer extends AsyncDisposable {
  readonly url: string;
}

/** A real OpenStack Swift with its S3 API and one empty bucket: an S3 that is not Amazon's, and not young. `await using` ends it. */
export async function startSwift(python: string): Promise<SwiftServer> {
  const directory = await temporaryDirectory();
  const started: AsyncDisposable[] = [directory];
  const stop = async () => {
    for (const each of started.toReversed()) await each[Symbol.asyncDispose]();
  };
  try {
    return { url: await launch(python, directory.path, started), [Symbol.asyncDispose]: stop };
  } catch (err) {
    await stop();
    throw err;
  }
}

/** @param started gets every process */
async function launch(python: string, root: string, started: AsyncDisposable[]): Promise<string> {
  const env = environment(join(root, 'swift.conf'));
  await mkdir(join(root, 'devices/sdb1'), { recursive: true });
  await writeFile(join(root, 'swift.conf'), '[swift-hash]\nswift_hash_path_suffix = x\nswift_hash_path_prefix = y\n');
  const start = async (name: string, port: number): Promise<void> => {
    const conf = join(root, `${name}-server.conf`);
    await writeFile(conf, name === 'proxy' ? proxyConf(root, port) : backendConf(root, name, port));
    const code = `from swift.common.wsgi import run_wsgi; run_wsgi(r"${conf}", "${name}-server", verbose=True)`;
    const server = await RunningProcess.start(python, ['-c', code], { env, cwd: root });
    started.push(server);
    await waitForPort(port, server);
  };
  for (const name of ['object', 'container', 'account']) {
    const port = await freePort();
    await buildRing({ python, env, root, name, port });
    await start(name, port);
  }
  const port = await freePort();
  await start('proxy', port);
  await createBucket(`http://127.0.0.1:${port}`);
  return `http://127.0.0.1:${port}`;
}

function environment(swiftConf: string): NodeJS.ProcessEnv {
  return { PATH: process.env.PATH, PYTHONPATH: PACKAGES, LD_LIBRARY_PATH: LIBRARIES, SWIFT_CONF_FILE: swiftConf };
}

interface Ring {
  readonly python: string;
  readonly env: NodeJS.ProcessEnv;
  readonly root: string;
  readonly name: string;
  readonly port: number;
}

async function buildRing({ python, env, root, name, port }: Ring): Promise<void> {
  const builder = join(root, `${name}.builder`);
  for (const args of [['create', '4', '1', '0'], ['add', `r1z1-127.0.0.1:${port}/sdb1`, '1'], ['rebalance']]) {
    const argv = JSON.stringify(['swift-ring-builder', builder, ...args]);
    const code = `from swift.cli.ringbuilder import main; main(${argv})`;
    await runProgram(python, ['-c', code], { env, cwd: root });
  }
}

function backendConf(root: string, name: string, port: number): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
swift_dir = ${root}
devices = ${root}/devices
mount_check = false
user = ${process.getuid?.() === 0 ? 'root' : (process.env.USER ?? 'nobody')}
log_level = WARNING
[pipeline:main]
pipeline = ${name}-server
[app:${name}-server]
use = egg:swift#${name}
`;
}

function proxyConf(root: string, port: number): string {
  return `[DEFAULT]
bind_ip = 127.0.0.1
bind_port = ${port}
workers = 0
swift_dir = ${root}
user = ${process.getuid?.() === 0 ? 'root' : (process.env.USER ?? 'nobody')}
log_level = WARNING
[pipeline:main]
pipeline = catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth copy slo dlo versioned_writes symlink proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
check_bucket_owner = false
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = ${SWIFT_SECRET_KEY} .admin
[filter:copy]
use = egg:swift#copy
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
`;
}

async function createBucket(endpoint: string): Promise<void> {
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    credentials: { accessKeyId: SWIFT_ACCESS_KEY, secretAccessKey: SWIFT_SECRET_KEY },
  });
  await client.send(new CreateBucketCommand({ Bucket: SWIFT_BUCKET }));
  client.destroy();
}
