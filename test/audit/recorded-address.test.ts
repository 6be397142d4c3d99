import { describe, expect, it } from 'vitest';

import { addressFilter, recordedAddress } from '../../src/audit/recorded-address.ts';

describe('the recorded address of a client', () => {
  it.each([
    ['10.1.2.3', '10.1.2.0/24'],
    ['192.0.2.255', '192.0.2.0/24'],
    ['2001:db8:1234:5678:9abc:def0:1:2', '2001:db8:1234::/48'],
    ['2001:DB8:0:1::2', '2001:db8::/48'],
    ['::1', '::/48'],
    ['::', '::/48'],
    ['1::', '1::/48'],
    ['1:2:3::4', '1:2:3::/48'],
    ['1::2:3:4:5:6:7', '1:0:2::/48'],
    ['fe80::1%eth0', 'fe80::/48'],
    ['::ffff:10.1.2.3', '::/48'],
  ])('of %s is %s when only networks are recorded', (address, network) => {
    expect(recordedAddress(address, 'network')).toBe(network);
  });

  it('is the whole address, or none', () => {
    expect(recordedAddress('10.1.2.3', 'full')).toBe('10.1.2.3');
    expect(recordedAddress('fe80::1%eth0', 'full')).toBe('fe80::1');
    expect(recordedAddress('10.1.2.3', 'none')).toBeUndefined();
    expect(recordedAddress(undefined, 'full')).toBeUndefined();
    expect(recordedAddress('<script>', 'full')).toBeUndefined();
  });
});

describe('a filter for addresses', () => {
  it.each([
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3', '10.1.2.4', false],
    ['10.1.0.0/16', '10.1.2.3', true],
    ['10.1.0.0/16', '10.2.2.3', false],
    ['10.1.2.3', '10.1.2.0/24', true],
    ['10.1.0.0/16', '10.1.2.0/24', true],
    ['10.2.0.0/16', '10.1.2.0/24', false],
    ['2001:db8::/32', '2001:db8:1::7', true],
    ['2001:db8::7', '2001:db8::/48', true],
    ['0.0.0.0/0', '2001:db8::7', false],
    ['10.1.2.3', 'not an address', false],
  ])('%s and the recorded %s: %s', (wanted, recorded, matches) => {
    expect(addressFilter(wanted)?.(recorded)).toBe(matches);
  });

  it.each(['ci', '10.1.2', '10.1.2.3/33', '10.1.2.3/', '10.1.2.3/8/8', ''])('is none for "%s"', (text) => {
    expect(addressFilter(text)).toBeUndefined();
  });
});
