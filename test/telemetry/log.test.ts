import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { logIntoArray } from './log-lines.ts';
import { parseTextLine } from './parse-text-line.ts';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('log', () => {
  it('writes text lines like logrus: time, level, message, then the fields, quoted where needed', () => {
    const { log, lines } = logIntoArray({ format: 'text', fields: { service: 'registry', shard: 3 } });
    log.info(
      { 'vars.name': 'library/alpine', 'http.request.remoteaddr': '127.0.0.1:5', ok: true, n: 1.5 },
      'two words',
    );
    expect(lines[0]?.replace(/time="[^"]+"/, 'time=T')).toBe(
      'time=T level=info msg="two words" service=registry shard=3' +
        ' vars.name=library/alpine http.request.remoteaddr="127.0.0.1:5" ok=true n=1.5',
    );
    expect(parseTextLine(lines[0] ?? '')['time']).toMatch(TIME);
  });

  it.each([
    ['bare/Value-1.0_x@y^z+', 'bare/Value-1.0_x@y^z+'],
    ['', ''],
    ['a "q" \\ b', '"a \\"q\\" \\\\ b"'],
    ['two\nlines\ttab\r\u0007', '"two\\nlines\\ttab\\r\\a"'],
    ['\u001b[31m', '"\\x1b[31m"'],
    ['\u007f', '"\\x7f"'],
    ['größe', '"größe"'],
    ['\u0085\u2028', '"\\u0085\\u2028"'],
    ['\ud800', '"\ufffd"'],
  ])('quotes %j in text like Go: %s', (value, written) => {
    const { log, lines } = logIntoArray({ format: 'text' });
    log.info({ value }, 'm');
    expect(lines[0]).toMatch(/ value=[^]*$/);
    expect(lines[0]?.split(' value=')[1]).toBe(written);
  });

  it('keeps any text on one line from which it can be read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const { log, lines } = logIntoArray({ format: 'text' });
        log.error({ value, after: 'end' }, value);
        expect(['\n', '\r', '\u001b'].some((control) => lines[0]?.includes(control))).toBe(false);
        expect(parseTextLine(lines[0] ?? '')).toMatchObject({ value, msg: value, level: 'error', after: 'end' });
      }),
    );
  });

  it('writes JSON with the names logrus uses', () => {
    const { log, parsed } = logIntoArray({ format: 'json', fields: { service: 'registry' } });
    log.warn({ 'vars.name': 'a', absent: undefined }, 'hm "so"');
    expect(parsed()).toEqual([
      { time: expect.stringMatching(TIME), level: 'warning', msg: 'hm "so"', service: 'registry', 'vars.name': 'a' },
    ]);
  });

  it('writes JSON with the names logstash uses', () => {
    const { log, parsed } = logIntoArray({ format: 'logstash', fields: { service: 'registry' } });
    log.error({ 'vars.name': 'a' }, 'oh');
    expect(parsed()).toEqual([
      {
        '@timestamp': expect.stringMatching(TIME),
        '@version': '1',
        level: 'error',
        message: 'oh',
        service: 'registry',
        'vars.name': 'a',
      },
    ]);
  });

  it.each(['text', 'json', 'logstash'] as const)('omits lines below its level in format %s', (format) => {
    const { log, lines } = logIntoArray({ format, level: 'warn' });
    log.debug({}, 'm-debug');
    log.info({}, 'm-info');
    log.warn({}, 'm-warn');
    log.error({}, 'm-error');
    expect(lines.map((line) => /m-\w+/.exec(line)?.[0])).toEqual(['m-warn', 'm-error']);
  });

  it.each(['text', 'json', 'logstash'] as const)(
    'adds the fields of a child to its lines only in format %s',
    (format) => {
      const { log, lines } = logIntoArray({ format });
      log.child({ part: 'fills' }).info({ n: 1 }, 'child');
      log.info({ n: 2 }, 'parent');
      expect(lines.map((line) => line.includes('fills'))).toEqual([true, false]);
    },
  );

  it('renames a configured field with a reserved name, like logrus', () => {
    const json = logIntoArray({ format: 'json', fields: { msg: 'mine', time: 'late' } });
    json.log.info({}, 'real');
    expect(json.parsed()[0]).toMatchObject({ msg: 'real', 'fields.msg': 'mine', 'fields.time': 'late' });
    const text = logIntoArray({ format: 'text', fields: { level: 'mine' } });
    text.log.info({}, 'real');
    expect(parseTextLine(text.lines[0] ?? '')).toMatchObject({ level: 'info', 'fields.level': 'mine' });
  });
});
