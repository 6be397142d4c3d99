import { digestOf } from '../../src/oci/digest.ts';
import type { Check, Topic } from './check.ts';
import { LAYER } from './content.ts';
import { locationOf, type Registry, withDigest } from './registry.ts';
import type { SettingName } from './settings.ts';

/** Whose URLs the start of an upload and the blob have. */
async function locations(it: Registry, headers: Readonly<Record<string, string>>, path: string): Promise<string[]> {
  const started = await it.send('POST', `${path}blobs/uploads/`, { headers });
  const there = new URL(locationOf(started), it.url);
  const target = withDigest(`${there.pathname}${there.search}`, digestOf(LAYER));
  const type = { 'content-type': 'application/octet-stream' };
  const finished = await it.send('PUT', target, { body: LAYER, headers: { ...headers, ...type } });
  return [started, finished].map((response) => {
    const base = originOf(locationOf(response), it.url);
    return `${response.status} ${base}`;
  });
}

/** Where a `Location` leads to, seen from a client that asked at `url`. */
function originOf(location: string, url: string): string {
  if (location.startsWith('/')) return 'relative';
  const { origin } = new URL(location);
  return origin === url ? 'absolute' : origin;
}

function located(
  name: string,
  base: string,
  { setting, headers = {}, path = '' }: { setting?: SettingName; headers?: Record<string, string>; path?: string } = {},
): Check {
  return {
    name: `locations: ${name}`,
    ...(setting && { setting }),
    expected: [`202 ${base}`, `201 ${base}`],
    observe: (it) => locations(it, headers, path && `${path}${it.repository}/`),
  };
}

const checks: readonly Check[] = [
  located('http.relativeurls: true', 'relative', { setting: 'relative' }),
  located('http.relativeurls: false', 'absolute', { setting: 'absolute' }),
  located('neither is set', 'relative'),
  located('http.host', 'https://registry.example.com', { setting: 'host' }),
  located('http.prefix', 'relative', { setting: 'prefix', path: '/test/v2/' }),
  located('Forwarded, of a client that is no trusted proxy', 'absolute', {
    setting: 'absolute',
    headers: { forwarded: 'proto=https;host=forwarded.example.com' },
  }),
  located('X-Forwarded-*, of a client that is no trusted proxy', 'absolute', {
    setting: 'absolute',
    headers: { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'forwarded.example.com' },
  }),
];

export const urls: Topic = { name: 'locations', covers: ['TestRelativeURL', 'TestURLPrefix'], checks };
