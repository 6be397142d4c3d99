import { createPrivateKey, X509Certificate } from 'node:crypto';
import { access, constants, stat } from 'node:fs/promises';

import type { Config } from '../../config/config.ts';
import { type Check, type CheckResult, type DoctorContext, failed, ok, reasonOf, warning } from '../check.ts';
import { codeOf, readRegularFile } from '../probe.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Certificates are renewed earlier than that. Days. */
const MIN_DAYS = 14;

export function configChecks({ loaded, problems, machine }: DoctorContext): readonly Check[] {
  if (!loaded) return [{ name: 'valid', run: async () => invalid(problems) }];
  const { config, warnings, source } = loaded;
  const { tls } = config.http;
  return [
    { name: 'valid', run: async () => ok(source) },
    { name: 'warnings', run: async () => warned(warnings) },
    { name: 'secret files', run: () => checkSecretFiles(config) },
    ...(tls && 'certificate' in tls && tls.certificate !== undefined && tls.key !== undefined
      ? [{ name: 'certificate', run: () => checkCertificate(tls.certificate, tls.key, machine.now()) }]
      : []),
  ];
}

function invalid(problems: readonly string[]): CheckResult {
  return failed(
    `the configuration is not valid: ${problems.join('; ')}`,
    'correct the file, and check it with `layover config check`',
    'the-configuration-is-not-valid',
  );
}

function warned(warnings: readonly string[]): CheckResult {
  if (warnings.length === 0) return ok('none');
  return warning(warnings.join('; '), 'change what each of them names', 'the-configuration-is-not-valid');
}

async function checkSecretFiles({ http: { tls }, auth, admin, proxy }: Config): Promise<CheckResult> {
  const credentials = proxy?.upstreams.flatMap((upstream) => upstream.credentials) ?? [];
  const files = [
    tls && 'key' in tls ? tls.key : undefined,
    auth?.htpasswd?.path,
    admin.tokenFile,
    ...credentials.map((each) => (each.kind === 'file' || each.kind === 'dockerconfig' ? each.path : undefined)),
  ].filter((path) => path !== undefined);
  const modes = await Promise.all(files.map(async (path) => ({ path, mode: await modeOf(path) })));
  const missing = modes.filter(({ mode }) => mode === undefined).map(({ path }) => path);
  if (missing.length > 0) {
    const remedy = 'let the user of the server read them (chown, chmod)';
    return failed(`cannot read ${missing.join(', ')}`, remedy, 'the-configuration-is-not-valid');
  }
  const open = modes.filter(({ mode = 0 }) => (mode & 0o004) !== 0).map(({ path }) => path);
  if (open.length === 0) return ok(files.length === 0 ? 'none' : `${files.length}, not readable by other users`);
  return warning(
    `every user of this machine can read ${open.join(', ')}`,
    `chmod o-r ${open.join(' ')}`,
    'a-secret-can-be-read-by-others',
  );
}

/** Absent when the file cannot be read. One that does not exist is reported with the configuration, or created by the server. */
async function modeOf(path: string): Promise<number | undefined> {
  try {
    await access(path, constants.R_OK);
    return (await stat(path)).mode;
  } catch (err) {
    return codeOf(err) === 'ENOENT' ? 0 : undefined;
  }
}

async function checkCertificate(certificate: string, key: string, now: number): Promise<CheckResult> {
  const topic = 'the-certificate-does-not-fit-or-has-expired';
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(await readRegularFile(certificate));
    if (!parsed.checkPrivateKey(createPrivateKey(await readRegularFile(key)))) {
      const remedy = 'set http.tls.key to the key that the certificate was issued for';
      return failed(`http.tls.key: ${key} is not the key of ${certificate}`, remedy, topic);
    }
  } catch (err) {
    return failed(`http.tls: ${reasonOf(err)}`, 'both files have to be in PEM, the key without a password', topic);
  }
  const days = Math.floor((Date.parse(parsed.validTo) - now) / DAY_MS);
  const remedy = `renew ${certificate}; a running server reads it again`;
  if (days < 0) return failed(`http.tls.certificate: expired on ${parsed.validTo}`, remedy, topic);
  if (days < MIN_DAYS) return warning(`http.tls.certificate: expires in ${days} days`, remedy, topic);
  return ok(`valid for ${days} days, and it has its key`);
}
