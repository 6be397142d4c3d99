import { createHash } from 'node:crypto';

import type { InstalledPackage } from './application.ts';
import type { Architecture } from './architecture.ts';
import type { DebianPackage } from './debian-packages.ts';

export interface SbomOptions {
  readonly version: string;
  readonly architecture: Architecture;
  /** `debian` or `ubuntu`, with its number. Absent without packages of it. */
  readonly distribution?: { readonly id: string; readonly version: string } | undefined;
  readonly debian: readonly DebianPackage[];
  readonly npm: readonly InstalledPackage[];
  /** Seconds since 1970. */
  readonly epoch: number;
}

interface Component {
  readonly type: string;
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
}

/**
 * What a package contains: a list that depends on its content alone.
 *
 * @see https://cyclonedx.org/docs/1.6/json/
 */
export function createSbom(options: SbomOptions): string {
  const { version, npm, debian, epoch } = options;
  const components = [
    ...debian.map((it) => debianComponent(it, options)),
    ...npm.map((it) => npmComponent(it)),
    ...npm.flatMap((it) => nodeComponent(it)),
  ].sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
  const purl = `pkg:npm/layover@${version}`;
  const content = {
    metadata: {
      timestamp: new Date(epoch * 1000).toISOString(),
      component: {
        type: 'application',
        'bom-ref': purl,
        name: 'layover',
        version,
        purl,
        licenses: licensed('Apache-2.0'),
      },
      properties: [{ name: 'layover:architecture', value: options.architecture }],
    },
    components,
    dependencies: [{ ref: purl, dependsOn: components.map((component) => component['bom-ref']) }],
  };
  const serialNumber = `urn:uuid:${uuidOf(JSON.stringify(content))}`;
  return `${JSON.stringify({ bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber, version: 1, ...content }, null, 1)}\n`;
}

function debianComponent({ name, version }: DebianPackage, { architecture, distribution }: SbomOptions): Component {
  const { id = 'debian', version: release = '' } = distribution ?? {};
  const qualifiers = `arch=${architecture}&distro=${id}-${release}`;
  const purl = `pkg:deb/${id}/${encodeURIComponent(name)}@${encodeURIComponent(version)}?${qualifiers}`;
  return { type: 'library', 'bom-ref': purl, name, version, purl };
}

function npmComponent({ path, version, integrity, license, name = nameOf(path) }: InstalledPackage): Component {
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  return {
    ...{ type: 'library', 'bom-ref': `${purl}#${path}`, name, version, purl },
    ...(integrity?.startsWith('sha512-') && { hashes: [{ alg: 'SHA-512', content: toHex(integrity) }] }),
    ...(license && { licenses: licensed(license) }),
  };
}

/** The packages of Node.js have another name than the one that advisories use. */
function nodeComponent({ path, version }: InstalledPackage): Component[] {
  if (!nameOf(path).startsWith('node-linux-')) return [];
  const purl = `pkg:generic/nodejs@${version}`;
  const cpe = `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`;
  return [{ type: 'platform', 'bom-ref': purl, name: 'node', version, purl, ...{ cpe } }];
}

/** An expression is allowed for one licence as well. */
function licensed(expression: string) {
  return [{ expression }];
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

function toHex(integrity: string): string {
  return Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex');
}

/** @see RFC 9562, section 5.8: version 8 leaves the bits to its user */
function uuidOf(content: string): string {
  const hex = createHash('sha256').update(content).digest('hex');
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-');
}
