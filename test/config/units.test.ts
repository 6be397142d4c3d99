import { describe, expect, it } from 'vitest';
import {
  parseBoolean,
  parseDurationMs,
  parseOwnDurationMs,
  parseSizeBytes,
  parseTcpAddress,
} from '../../src/config/units.ts';

describe('a duration of distribution', () => {
  it.each([
    ['30s', 30_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['.5m', 30_000],
    ['100ms', 100],
    ['168h', 604_800_000],
    ['-1s', -1000],
    ['+2s', 2000],
    ['0', 0],
    ['-0', 0],
    ['1ns', 1],
    ['1µs', 1],
    ['2000000', 2],
    ['10', 1],
  ])('reads %s as %d milliseconds, and a bare number as nanoseconds', (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it.each(['', 's', '5x', '1 h', 'h1', '7d', '1e3s', '99999999999999h', 'abc'])('refuses %j', (text) => {
    expect(parseDurationMs(text)).toBeUndefined();
  });
});

describe("a duration of Layover's own keys", () => {
  it('may be in days', () => {
    expect(parseOwnDurationMs('7d')).toBe(604_800_000);
    expect(parseOwnDurationMs('1d12h')).toBe(129_600_000);
  });

  it('needs a unit, except for 0', () => {
    expect(parseOwnDurationMs('0')).toBe(0);
    expect(parseOwnDurationMs('300')).toBeUndefined();
  });
});

describe('a size', () => {
  it.each([
    ['200GiB', 200 * 1024 ** 3],
    ['500MB', 500_000_000],
    ['1.5 kib', 1536],
    ['7', 7],
    ['7B', 7],
    ['2TB', 2e12],
    ['0', 0],
  ])('reads %s as %d bytes', (text, bytes) => {
    expect(parseSizeBytes(text)).toBe(bytes);
  });

  it.each(['', 'GiB', '-1', '5X', '5G', '5iB', '1e3', '9999999PiB'])('refuses %j', (text) => {
    expect(parseSizeBytes(text)).toBeUndefined();
  });
});

describe('an address', () => {
  it.each([
    [':5000', undefined, 5000],
    ['127.0.0.1:5000', '127.0.0.1', 5000],
    ['localhost:0', 'localhost', 0],
    ['[::1]:5000', '::1', 5000],
    ['[fe80::1%eth0]:1', 'fe80::1%eth0', 1],
  ])('reads %s', (text, host, port) => {
    expect(parseTcpAddress(text)).toEqual({ net: 'tcp', host, port });
  });

  it.each(['', '5000', ':', ':x', ':65536', '::1:5000', 'http://x:5', 'a b:5', '[::1]'])('refuses %j', (text) => {
    expect(parseTcpAddress(text)).toBeUndefined();
  });
});

it('reads the words of YAML 1.1 as booleans, like distribution', () => {
  expect(['true', 'yes', 'ON', 'y'].map(parseBoolean)).toEqual([true, true, true, true]);
  expect(['False', 'no', 'off', 'n'].map(parseBoolean)).toEqual([false, false, false, false]);
  expect(parseBoolean('1')).toBeUndefined();
});
