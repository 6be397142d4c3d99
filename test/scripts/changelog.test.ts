import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { type Change, collectNotes, releaseChangelog } from '../../scripts/release/changelog.ts';
import { readFragments } from '../../scripts/release/fragments.ts';
import { nextVersion } from '../../scripts/release/next-version.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const CHANGELOG = `# Changelog

About it.

## [Unreleased]

### Added

- One.

### Fixed

- Two.

## [0.1.0] - 2026-01-02

- The first.
`;
const CHANGES: readonly Change[] = [
  { category: 'security', text: 'Safe.' },
  { category: 'added', text: 'Three.' },
];

describe('changelog', () => {
  it('collects unreleased entries and the changes, by category', () => {
    expect(collectNotes(CHANGELOG, CHANGES)).toBe(
      '### Added\n\n- One.\n- Three.\n\n### Fixed\n\n- Two.\n\n### Security\n\n- Safe.',
    );
  });

  it('has no notes without changes', () => {
    expect(collectNotes('# Changelog\n\n## [Unreleased]\n\n## [0.1.0]\n\n- x\n', [])).toBe('');
    expect(collectNotes('# Changelog\n\n## [Unreleased]\n', [])).toBe('');
  });

  it('becomes one with a section for the release and nothing unreleased', () => {
    const released = releaseChangelog(CHANGELOG, '### Added\n\n- One.', { version: '0.2.0', date: '2026-03-04' });
    expect(released).toBe(
      '# Changelog\n\nAbout it.\n\n## [Unreleased]\n\n## [0.2.0] - 2026-03-04\n\n### Added\n\n- One.\n\n' +
        '## [0.1.0] - 2026-01-02\n\n- The first.\n',
    );
    expect(collectNotes(released, [])).toBe('');
  });

  it('ends with the section when it is the first release', () => {
    const released = releaseChangelog('## [Unreleased]\n\n- x\n', '- x', { version: '0.1.0', date: '2026-03-04' });
    expect(released).toBe('## [Unreleased]\n\n## [0.1.0] - 2026-03-04\n\n- x\n');
  });

  it('refuses a version that it has', () => {
    const release = { version: '0.1.0', date: '2026-03-04' };
    expect(() => releaseChangelog(CHANGELOG, '- x', release)).toThrow('has version 0.1.0 already');
  });
});

describe('changes/', () => {
  async function withFragments(files: Readonly<Record<string, string>>) {
    await using directory = await temporaryDirectory();
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory.path, name), text);
    return await readFragments(directory.path);
  }

  it('of this repository are entries of the changelog', async () => {
    await expect(readFragments(join(import.meta.dirname, '../../changes'))).resolves.toBeInstanceOf(Array);
  });

  it('are read by name, in one line each', async () => {
    const fragments = await withFragments({
      'README.md': '# No change',
      'b.fixed.md': '- Of two\n  lines.\n',
      'a.b.added.md': 'New.',
    });
    expect(fragments).toEqual([
      { file: 'a.b.added.md', category: 'added', text: 'New.' },
      { file: 'b.fixed.md', category: 'fixed', text: 'Of two lines.' },
    ]);
  });

  it.each([
    ['a category that does not exist', 'a.improved.md', 'x', 'changes/a.improved.md: the name must be'],
    ['no category', 'a.md', 'x', 'changes/a.md: the name must be'],
    ['no text', 'a.added.md', ' \n', 'changes/a.added.md: is empty'],
    ['several entries', 'a.added.md', '- one\n- two', 'changes/a.added.md: must be one entry'],
    ['a heading', 'a.added.md', '# Added\nx', 'changes/a.added.md: must be one entry'],
  ])('with %s are refused', async (_, name, text, message) => {
    await expect(withFragments({ [name]: text })).rejects.toThrow(message);
  });
});

describe('nextVersion', () => {
  it.each([
    ['0.1.0', false, undefined, ['added'], '0.1.0'],
    ['0.1.0', true, undefined, ['fixed', 'security'], '0.1.1'],
    ['0.1.0', true, undefined, ['fixed', 'changed'], '0.2.0'],
    ['0.1.0', true, undefined, ['removed'], '0.2.0'],
    ['1.2.3', true, undefined, ['removed'], '2.0.0'],
    ['1.2.3', true, 'major', [], '2.0.0'],
    ['1.2.3', true, 'minor', [], '1.3.0'],
    ['1.9.9', true, '1.10.0', [], '1.10.0'],
    ['1.9.9', false, '1.9.9', [], '1.9.9'],
  ] as const)('of %s (released: %s), wanted %s with %j, is %s', (current, isReleased, wanted, categories, version) => {
    expect(nextVersion({ current, isReleased, wanted, categories })).toBe(version);
  });

  it.each([
    ['1.2.2', 'does not follow'],
    ['1.2.3', 'does not follow'],
    ['0.9.9', 'does not follow'],
    ['big', 'is not a version'],
    ['1.3', 'is not a version'],
  ])('refuses %s after 1.2.3', (wanted, message) => {
    const request = { current: '1.2.3', isReleased: true, categories: [] };
    expect(() => nextVersion({ ...request, wanted })).toThrow(message);
  });
});
