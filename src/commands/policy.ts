import { printableText } from '../audit/recorded-text.ts';
import { ControlError } from '../operations/control-error.ts';
import type { CheckedSignature, PolicyCheck, PolicyControl } from '../operations/policy-control.ts';
import type { CacheOutput } from './cache.ts';
import type { CacheTarget } from './cache-target.ts';
import { renderColumns } from './table.ts';

/** @throws {ControlError} without a running server */
function policyOf({ policy }: CacheTarget): PolicyControl {
  if (policy) return policy;
  throw new ControlError(
    'unavailable',
    'no server is running; its rules are decided there (start it, or use --server)',
  );
}

/** `policy check`. @returns 1 for an image that clients do not get */
export async function checkPolicy(
  target: CacheTarget,
  { name, explain }: { readonly name: string; readonly explain: boolean },
  { out, json }: CacheOutput,
): Promise<number> {
  const check = await policyOf(target).checkPolicy(name);
  if (json) out.write(`${JSON.stringify(check)}\n`);
  else out.write(`${describe(check)}${explain ? explained(check) : ''}`);
  return check.outcome === 'allow' || check.rule?.mode === 'audit' ? 0 : 1;
}

/** `policy diff`. @returns 1 when there are some */
export async function diffPolicy(target: CacheTarget, { out, json }: CacheOutput): Promise<number> {
  const changes = await policyOf(target).policyChanges();
  if (json) out.write(`${JSON.stringify({ changes })}\n`);
  else out.write(changes.length === 0 ? 'nothing that was admitted is refused now\n' : changes.map(describe).join(''));
  return changes.length === 0 ? 0 : 1;
}

/** `policy list --held` */
export async function listHeld(target: CacheTarget, { out, json }: CacheOutput): Promise<void> {
  const held = await policyOf(target).heldContent();
  if (json) out.write(`${JSON.stringify({ held })}\n`);
  else if (held.length === 0) out.write('nothing is held\n');
  else {
    const rows = held.map(({ name, digest, rule, reason }) => [name, digest, rule, reason].map(printableText));
    out.write(renderColumns(['IMAGE', 'DIGEST', 'RULE', 'REASON'], rows));
  }
}

/** `policy release` */
export async function releaseContent(
  target: CacheTarget,
  { name, reason }: { readonly name: string; readonly reason: string },
  { out, json }: CacheOutput,
): Promise<void> {
  const released = await policyOf(target).releaseContent(name, reason);
  out.write(json ? `${JSON.stringify(released)}\n` : `released ${name}\n`);
}

const WORDS: Readonly<Record<PolicyCheck['outcome'], string>> = {
  allow: 'admitted',
  deny: 'refused',
  later: 'not decided',
  hold: 'held',
};

function describe({ name, digest, rule, outcome, reason }: PolicyCheck): string {
  const image = name.includes('@') ? name : `${name} (${digest})`;
  const by = rule ? `, rule ${printableText(rule.name)}${rule.mode === 'audit' ? ' (audit)' : ''}` : '';
  return `${WORDS[outcome]}: ${image}: ${printableText(reason)}${by}\n`;
}

function explained({ served = [], signatures = [] }: PolicyCheck): string {
  const lines = [
    ...served.map((digest) => `served instead: ${digest}`),
    ...signatures.map((signature) => describeSignature(signature)),
  ];
  return lines.map((line) => `  ${line}\n`).join('');
}

function describeSignature({ manifest, authority, note }: CheckedSignature): string {
  const by = authority === undefined ? 'not accepted' : `signed by ${printableText(authority)}`;
  return `${manifest}: ${by}: ${printableText(note)}`;
}
