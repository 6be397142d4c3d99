import { describe, expect, it } from 'vitest';

import { parseAwsRanges } from '../../../src/storage/middleware/aws-ranges.ts';

const FILE = JSON.stringify({
  syncToken: '1760000000',
  createDate: '2025-10-09-08-53-20',
  prefixes: [
    { ip_prefix: '3.5.140.0/22', region: 'ap-northeast-2', service: 'AMAZON', network_border_group: 'ap-northeast-2' },
    { ip_prefix: '3.5.140.0/22', region: 'ap-northeast-2', service: 'S3', network_border_group: 'ap-northeast-2' },
    { ip_prefix: '52.94.76.7/32', region: 'eu-central-1', service: 'EC2', network_border_group: 'eu-central-1' },
    { ip_prefix: '15.230.0.0/33', region: 'eu-central-1', service: 'EC2', network_border_group: 'eu-central-1' },
    { ip_prefix: 'nonsense', region: 'eu-central-1' },
    {},
  ],
  ipv6_prefixes: [
    { ipv6_prefix: '2600:1ff2:4000::/40', region: 'us-west-2', service: 'AMAZON', network_border_group: 'us-west-2' },
  ],
});

describe('the networks that AWS publishes', () => {
  it.each([
    ['3.5.139.255', false],
    ['3.5.140.0', true],
    ['3.5.143.255', true],
    ['3.5.144.0', false],
    ['52.94.76.7', true],
    ['52.94.76.8', false],
    ['15.230.0.1', false],
    ['2600:1ff2:40ff::1', true],
    ['2600:1ff2:4100::1', false],
    ['::1', false],
    ['localhost', false],
    ['', false],
  ])('have %s: %s', (address, expected) => {
    expect(parseAwsRanges(FILE, undefined).has(address)).toBe(expected);
  });

  it('count once when several services use them, without invalid entries', () => {
    expect(parseAwsRanges(FILE, undefined).size).toBe(3);
  });

  it('are those of the requested regions', () => {
    const ranges = parseAwsRanges(FILE, ['us-west-2', 'eu-central-1']);
    expect(['3.5.140.1', '52.94.76.7', '2600:1ff2:4000::9'].map((each) => ranges.has(each))).toEqual([
      false,
      true,
      true,
    ]);
    expect(parseAwsRanges(FILE, ['mars-1']).size).toBe(0);
  });

  it.each(['<html>', 'null', '[]', '{"prefixes":{}}', '{}'])('are not in %s', (text) => {
    expect(() => parseAwsRanges(text, undefined)).toThrow(SyntaxError);
  });
});
