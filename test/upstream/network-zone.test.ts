import { describe, expect, it } from 'vitest';

import { mayLead, type NetworkZone, widest, zoneOf } from '../../src/upstream/network-zone.ts';

describe('an address is', () => {
  it.each<[NetworkZone, string[]]>([
    ['public', ['8.8.8.8', '1.1.1.1', '172.32.0.1', '11.0.0.1', '192.169.0.1', '2606:4700::1111', '::ffff:8.8.8.8']],
    ['private', ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', 'fd12::1', '[fc00::1]']],
    ['private', ['::ffff:10.0.0.1', '::ffff:a00:1', '64:ff9b::10.0.0.1', '2002:a00:1::5']],
    [
      'loopback',
      ['127.0.0.1', '127.255.255.254', '::1', '[::1]', '::ffff:127.0.0.1', '::ffff:7f00:1', '2002:7f00:1::'],
    ],
    [
      'special',
      ['169.254.169.254', '169.254.170.2', 'fe80::1', 'fe80::1%eth0', '::ffff:169.254.169.254', 'fd00:ec2::254'],
    ],
    ['special', ['0.0.0.0', '::', '224.0.0.1', '255.255.255.255', 'ff02::1', '100.100.100.200', '168.63.129.16']],
  ])('%s: %j', (zone, addresses) => {
    expect(addresses.filter((address) => zoneOf(address) !== zone)).toEqual([]);
  });

  it('none when it is a name', () => {
    expect(['localhost', 'a.example', '', '127.1'].map(zoneOf)).toEqual(Array(4).fill(undefined));
  });
});

it('the widest of several zones counts', () => {
  expect(widest(['loopback', 'public', 'private'])).toBe('public');
  expect(widest([])).toBeUndefined();
});

it('nothing leads further inside than it is itself, but for blobs on private networks', () => {
  const zones = ['public', 'private', 'loopback', 'special'] as const;
  const reached = (privateAllowed: boolean) =>
    zones.map((from) => zones.filter((to) => mayLead(from, to, { privateAllowed })).join(' '));
  const inside = ['public private', 'public private loopback', 'public private loopback special'];
  expect(reached(false)).toEqual(['public', ...inside]);
  expect(reached(true)).toEqual(['public private', ...inside]);
});
