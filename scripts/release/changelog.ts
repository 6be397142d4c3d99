/** The sections of a version, in their order. See https://keepachangelog.com/en/1.1.0/ */
export const CATEGORIES = ['added', 'changed', 'deprecated', 'removed', 'fixed', 'security'] as const;
export type Category = (typeof CATEGORIES)[number];

export interface Change {
  readonly category: Category;
  /** One line of Markdown. */
  readonly text: string;
}

export interface Release {
  readonly version: string;
  /** `2026-11-27` */
  readonly date: string;
}

const UNRELEASED = '## [Unreleased]';

/** What stands under `[Unreleased]` with the given changes added to its sections; empty when there is nothing to release. */
export function collectNotes(changelog: string, changes: readonly Change[]): string {
  const { body } = splitChangelog(changelog);
  const sections = parseSections(body);
  for (const category of CATEGORIES) {
    const lines = changes.filter((change) => change.category === category).map(({ text }) => `- ${text}`);
    if (lines.length === 0) continue;
    const title = titleOf(category);
    const before = sections.get(title);
    // A list continues without a blank line; other text does not.
    const gap = before === undefined || /(?:^|\n)- [^\n]*$/.test(before) ? '\n' : '\n\n';
    sections.set(title, before ? before + gap + lines.join('\n') : lines.join('\n'));
  }
  return [...sections].map(([title, text]) => (title === '' ? text : `### ${title}\n\n${text}`)).join('\n\n');
}

/** The sections that notes have. */
export function categoriesOf(notes: string): Category[] {
  const titles = new Set(parseSections(notes).keys());
  return CATEGORIES.filter((category) => titles.has(titleOf(category)));
}

/**
 * The changelog with `notes` as the section of the release, and nothing unreleased.
 *
 * @throws {Error} when it has that version already
 */
export function releaseChangelog(changelog: string, notes: string, { version, date }: Release): string {
  if (hasVersion(changelog, version)) throw new Error(`CHANGELOG.md has version ${version} already`);
  const { before, after } = splitChangelog(changelog);
  return `${before}${UNRELEASED}\n\n## [${version}] - ${date}\n\n${notes}\n${after && `\n${after}`}`;
}

export function hasVersion(changelog: string, version: string): boolean {
  return changelog.split('\n').some((line) => line.startsWith(`## [${version}]`));
}

/** @throws {Error} when there is no `## [Unreleased]` */
function splitChangelog(changelog: string) {
  const start = changelog.indexOf(`${UNRELEASED}\n`);
  if (start === -1) throw new Error(`CHANGELOG.md: no "${UNRELEASED}"`);
  const from = start + UNRELEASED.length;
  const next = changelog.indexOf('\n## ', from);
  const end = next === -1 ? changelog.length : next + 1;
  return { before: changelog.slice(0, start), body: changelog.slice(from, end).trim(), after: changelog.slice(end) };
}

/** Title → text; the text before the first title has the title ''. */
function parseSections(body: string): Map<string, string> {
  const [first = '', ...rest] = body.split(/^### /m);
  const sections = new Map<string, string>();
  if (first.trim() !== '') sections.set('', first.trim());
  for (const section of rest) {
    const [title = '', ...lines] = section.split('\n');
    sections.set(title.trim(), lines.join('\n').trim());
  }
  return sections;
}

function titleOf(category: Category): string {
  return category.charAt(0).toUpperCase() + category.slice(1);
}
