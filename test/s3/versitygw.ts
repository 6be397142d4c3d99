import { mkdir, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

import { freePort, RunningProcess, waitForPort } from '../support/processes.ts';
import { findProgram } from '../support/programs.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export const ACCESS_KEY = 'test-access-key';
export const SECRET_KEY = 'test-secret-key-that-no-log-may-have';
export const BUCKET = 'registry';

const CACHED = join(import.meta.dirname, '../../node_modules/.cache/layover-tests/bin');

/** On `PATH`, where `go install` puts it, or where `test/setup/prepare.mjs --s3` does. */
export async function findVersitygw(): Promise<string | undefined> {
  const { GOBIN, GOPATH } = process.env;
  const folders = [GOBIN, GOPATH && join(GOPATH, 'bin'), join(homedir(), 'go/bin'), CACHED];
  return await findProgram('versitygw', folders.filter((folder) => folder !== undefined && folder !== '') as string[]);
}

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** Signed by itself, for 127.0.0.1. */
export async function createCertificate(directory: string): Promise<Certificate> {
  const made = await generate([{ name: 'commonName', value: '127.0.0.1' }], {
    keySize: 2048,
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
    ],
  });
  const [cert, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  await writeFile(cert, made.cert);
  await writeFile(key, made.private);
  return { cert, key };
}

export interface S3Server extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Objects of the bucket are files below it. */
  readonly root: string;
  /** The bucket's directory. */
  readonly bucketDirectory: string;
}

/** A real S3 server on a temporary directory, with one empty bucket; `await using` ends it. */
export async function startVersitygw(program: string, certificate?: Certificate): Promise<S3Server> {
  const directory = await temporaryDirectory();
  const bucketDirectory = join(directory.path, 'buckets', BUCKET);
  await mkdir(bucketDirectory, { recursive: true });
  const port = await freePort();
  const server = await RunningProcess.start(
    program,
    [
      ...['--access', ACCESS_KEY, '--secret', SECRET_KEY, '--port', `127.0.0.1:${port}`, '--quiet', '--keep-alive'],
      ...(certificate ? ['--cert', certificate.cert, '--key', certificate.key] : []),
      ...['posix', join(directory.path, 'buckets')],
    ],
    { env: process.env },
  );
  await waitForPort(port, server);
  return {
    url: `${certificate ? 'https' : 'http'}://127.0.0.1:${port}`,
    port,
    root: join(directory.path, 'buckets'),
    bucketDirectory,
    async [Symbol.asyncDispose]() {
      await server.stop();
      await directory[Symbol.asyncDispose]();
    },
  };
}
