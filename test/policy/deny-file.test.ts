import { describe, expect, it } from 'vitest';

import { digestOf } from '../../src/oci/digest.ts';
import { DenyFileError, parseDenyFile } from '../../src/policy/deny-file.ts';

const one = digestOf(Buffer.from('one'));
const two = digestOf(Buffer.from('two'), 'sha512');

describe('a deny file', () => {
  it('has digests with reasons, and globs for names', () => {
    const text = `# poisoned in March\n\n${one} # CVE-2026-1 # stolen key\r\n  docker.io/library/app@${two}\ndocker.io/bad/**\n`;
    expect(parseDenyFile(text)).toEqual({
      digests: new Map([
        [one, 'CVE-2026-1 # stolen key'],
        [two, ''],
      ]),
      names: ['docker.io/bad/**'],
    });
  });

  it('may be empty', () => {
    expect(parseDenyFile('')).toEqual({ digests: new Map(), names: [] });
  });

  it.each(['sha256:0123', 'docker.io/library/app:1', 'two words', 'docker.io/[z-a]', 'app@sha256:00'])(
    'names the line of %j, which is neither',
    (entry) => {
      const parse = () => parseDenyFile(`# list\n${entry}\n`);
      expect(parse).toThrow(DenyFileError);
      expect(parse).toThrow(`line 2: must be a digest such as sha256:… or a name such as docker.io/library/*`);
    },
  );
});
