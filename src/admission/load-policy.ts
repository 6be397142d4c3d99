import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';

import type { AdmissionConfig } from '../config/config.ts';
import { matchGlobs } from '../matching/glob.ts';
import type { CertificateVerifier } from '../signatures/certificate-verifier.ts';
import { parseSigningKey } from '../signatures/public-key.ts';
import type { SigningAuthority } from '../signatures/verify-image.ts';
import type { AdmissionPolicy, AdmissionRule, AgeCondition, SignatureCondition } from './rule.ts';

type AuthorityConfig = AdmissionConfig['authorities'][number];
type RuleConfig = AdmissionConfig['rules'][number];

/** A file of `policy.admission` cannot be used. The message has the key and the path. */
class AdmissionFileError extends Error {
  override readonly name = 'AdmissionFileError';
  /** Errors with a code are printed without their stack. */
  readonly code = 'ERR_ADMISSION_FILE';
}

/** Reads the keys. @throws {AdmissionFileError} */
export async function loadPolicy({ waitMs, onError, ...config }: AdmissionConfig): Promise<AdmissionPolicy> {
  const authorities = (await Promise.all(config.authorities.map(loadAuthority))).flat();
  const rules = config.rules.map((rule) => toRule(rule, authorities));
  return { rules, waitMs, onError, oldestRootAt: await oldestRootAt(config.authorities) };
}

async function loadAuthority({ name, keys, trustedRoot, identities }: AuthorityConfig): Promise<SigningAuthority[]> {
  try {
    if (trustedRoot !== undefined) return [{ name, certificates: await loadRoot(trustedRoot, identities) }];
    return await Promise.all(
      keys.map(async (path) => ({ name, key: parseSigningKey(await readFile(path, 'utf8'), path) })),
    );
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AdmissionFileError(`policy.admission.authorities: ${name}: ${reason}`, { cause });
  }
}

/** The file has no date. */
async function oldestRootAt(authorities: AdmissionConfig['authorities']): Promise<number | undefined> {
  const paths = authorities.flatMap(({ trustedRoot }) => (trustedRoot === undefined ? [] : [trustedRoot]));
  const times = await Promise.all(paths.map(async (path) => (await stat(path)).mtimeMs));
  return times.length === 0 ? undefined : Math.min(...times);
}

async function loadRoot(path: string, identities: AuthorityConfig['identities']): Promise<CertificateVerifier> {
  // Loaded only for a rule that needs it.
  const { CertificateVerifier: Verifier } = await import('../signatures/certificate-verifier.ts');
  return Verifier.load(await readFile(path), { identities, origin: path });
}

function toRule(config: RuleConfig, authorities: readonly SigningAuthority[]): AdmissionRule {
  const { name, mode, images, static: fixed, signedBy, require } = config;
  const signatures = toCondition(signedBy, require, authorities);
  const age = config.age && toAge(config.age, authorities);
  return { name, mode, matches: matchGlobs(images), static: fixed, signatures, age, hash: hashOf(signatures, age) };
}

function toAge(
  { exempt, unlessSignedBy, ...age }: NonNullable<RuleConfig['age']>,
  authorities: readonly SigningAuthority[],
): AgeCondition {
  return { ...age, isExempt: matchGlobs(exempt), unless: toCondition(unlessSignedBy, 'any', authorities) };
}

function toCondition(
  by: readonly string[],
  require: SignatureCondition['require'],
  authorities: readonly SigningAuthority[],
): SignatureCondition | undefined {
  if (by.length === 0) return undefined;
  return { by, require, authorities: authorities.filter(({ name }) => by.includes(name)) };
}

/** The mode, the names and the order of rules are not part of it: they change which decision applies, and not the decision. */
function hashOf(signatures: SignatureCondition | undefined, age: AgeCondition | undefined): string {
  const waits = age?.digests === 'wait' ? [age.minAgeMs, age.unknown] : [];
  const facts = [factsOf(signatures), factsOf(age?.unless), waits];
  return createHash('sha256').update(JSON.stringify(facts)).digest('base64url').slice(0, 22);
}

function factsOf(condition: SignatureCondition | undefined) {
  if (!condition) return undefined;
  const keys = condition.authorities.map((authority) => `${authority.name} ${contentOf(authority)}`);
  return { by: condition.by.toSorted(), require: condition.require, keys: keys.toSorted() };
}

function contentOf(authority: SigningAuthority): string {
  return 'key' in authority
    ? authority.key.export({ type: 'spki', format: 'pem' }).toString()
    : authority.certificates.hash;
}
