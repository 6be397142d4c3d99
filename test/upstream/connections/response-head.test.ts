import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { cpuTimeOf } from '../../support/cpu-time.ts';
import { parseHead } from '../../../src/upstream/connections/response-head.ts';

const parsed = (text: string) => parseHead(Buffer.from(text, 'latin1'));
const withFields = (...lines: string[]) => parsed(['HTTP/1.1 200 OK', ...lines, '', ''].join('\r\n'));

describe('a head', () => {
  it('has a status, fields in lower case, the length of the body and its own', () => {
    const head = 'HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nX-A: \t b c \t\r\nx-a:d\r\nEmpty:\r\n\r\n';
    expect(parsed(`${head}bytes`)).toEqual({
      status: 206,
      headers: { 'content-length': '5', 'x-a': ['b c', 'd'], empty: '' },
      length: 5,
      keepAliveMs: undefined,
      headBytes: head.length,
    });
  });

  it.each(['HTTP/1.1 200', 'HTTP/1.1 200 ', 'HTTP/1.1 404 Gar nicht da \xe4'])('may begin with %j', (line) => {
    expect(parsed(`${line}\r\ncontent-length: 0\r\n\r\n`)).toMatchObject({ length: 0 });
  });

  it.each([
    [['connection: close'], 0],
    [['connection: x, Close'], 0],
    [['connection: keep-alive', 'keep-alive: timeout=5, max=100'], 5_000],
    [['keep-alive: max=100'], undefined],
  ])('states with %j how long the connection is kept', (fields, keepAliveMs) => {
    expect(withFields('content-length: 1', ...fields)).toMatchObject({ keepAliveMs });
  });

  it('may have fields with names of properties of objects', () => {
    const head = withFields('content-length: 1', '__proto__: x', 'constructor: y', 'toString: z');
    expect(head).toMatchObject({ length: 1 });
    expect(Object.entries((head as { headers: object }).headers)).toContainEqual(['__proto__', 'x']);
  });
});

describe('a head is left to a complete parser', () => {
  it.each([
    ['without a length', []],
    ['with chunks', ['transfer-encoding: chunked']],
    ['with a length and chunks', ['content-length: 1', 'transfer-encoding: chunked']],
    ['with a folded field', ['content-length: 1', 'x: a', ' b']],
  ])('%s', (_, lines) => {
    expect(withFields(...lines)).toBe('unusual');
  });

  it.each([
    'HTTP/1.0 200 OK',
    'HTTP/1.1 100 Continue',
    'HTTP/1.1 101 Switching Protocols',
    'HTTP/1.1 103 Early Hints',
    'HTTP/1.1 204 No Content',
    'HTTP/1.1 304 Not Modified',
    'HTTP/1.1  200 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 600 OK',
    'http/1.1 200 OK',
    'HTTP/1.1 200 O\0K',
    '\r\nHTTP/1.1 200 OK',
  ])('with %j', (line) => {
    expect(parsed(`${line}\r\ncontent-length: 1\r\n\r\n`)).toBe('unusual');
  });

  it.each(['HTTP/1.1 200 OK\n', 'HTTP/1.1 200 OK\ncontent-length: 0\n\n', 'HTTP/1.1 200 OK\r\nx: a\n\n'])(
    'with a bare LF, before it ends: %j',
    (bytes) => {
      expect(parsed(bytes)).toBe('unusual');
    },
  );

  it.each(['SSH-2.0-OpenSSH', '\x16\x03\x01', 'HTTP/2', ' HTTP/1.1 200 OK'])(
    'that begins with %j, before it ends',
    (bytes) => {
      expect(parsed(bytes)).toBe('unusual');
    },
  );
});

it.each([
  ['two lengths', ['content-length: 1', 'content-length: 2']],
  ['the same length twice', ['content-length: 1', 'content-length: 1']],
  ['a list of lengths', ['content-length: 1, 1']],
  ['a signed length', ['content-length: +1']],
  ['a hexadecimal length', ['content-length: 0x1']],
  ['an empty length', ['content-length:']],
  ['an endless length', [`content-length: 1${'0'.repeat(20)}`]],
  ['a space before the colon', ['content-length : 1']],
  ['a field without a name', ['content-length: 1', ': x']],
  ['a line without a colon', ['content-length: 1', 'nonsense']],
  ['a NUL', ['content-length: 1', 'x: a\0b']],
  ['a bare CR', ['content-length: 1', 'x: a\rb']],
  ['a bare LF', ['content-length: 1', 'x: a\ncontent-length: 2']],
])('a head with %s is malformed', (_, lines) => {
  expect(withFields(...lines)).toBe('malformed');
});

it.each([
  ['between characters', `x: a${' '.repeat(16_000)}b`],
  ['before a character that is not allowed', `x:${' '.repeat(16_000)}\x01`],
  ['alone', `x:${'\t '.repeat(8_000)}`],
])('a head with many spaces %s is parsed in linear time', async (_, line) => {
  const parsing = () => {
    for (let i = 0; i < 20; i++) withFields('content-length: 1', line);
  };
  expect(await cpuTimeOf(parsing)).toBeLessThan(500);
});

it('a plain head is incomplete before its last byte', () => {
  const token = fc
    .stringMatching(/^[a-z-]{1,12}$/)
    .filter((name) => !['content-length', 'transfer-encoding'].includes(name));
  const fields = fc.array(fc.tuple(token, fc.stringMatching(/^[\x21-\x7e\xa0-\xff]{0,20}$/)), { maxLength: 8 });
  fc.assert(
    fc.property(fields, fc.nat(), fc.nat(100), (pairs, cut, length) => {
      const lines = [`content-length: ${length}`, ...pairs.map(([name, value]) => `${name}: ${value}`)];
      const head = Buffer.from(`HTTP/1.1 200 OK\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1');
      expect(parseHead(head.subarray(0, cut % head.length))).toBe('incomplete');
      expect(parseHead(Buffer.concat([head, Buffer.from('\r\n\r\n')]))).toMatchObject({
        length,
        headBytes: head.length,
      });
    }),
  );
});
