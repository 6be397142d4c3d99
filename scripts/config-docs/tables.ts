import { configSchema } from '../../src/config/schema/schema.ts';
import { IGNORED_KEYS, isHonoured } from '../../src/config/support.ts';
import { type DocumentedKey, keysOf } from './keys.ts';

/** Another name of a driver, with the same options. */
const ALIAS = 'storage.s3aws';

const BLOCK = /(<!-- generated: ([^>]+) -->\n)[^]*?(<!-- end -->)/g;

/** `page` with the tables between its markers generated: `<!-- generated: http -->` … `<!-- end -->`. */
export function withTables(page: string): string {
  const sections = [...page.matchAll(BLOCK)].map(([, , section = '']) => section);
  return page.replace(BLOCK, (_, start: string, section: string, end: string) => {
    const rows = section === 'not honoured' ? ignoredTable() : keyTable(section, sections);
    return `${start}\n${rows}\n${end}`;
  });
}

/** Keys of sections that are not in any table of the page, such as `http.addr`. */
export function findUndocumented(page: string): string[] {
  const sections = [...page.matchAll(BLOCK)].map(([, , section = '']) => section);
  return honouredKeys()
    .map(({ path }) => path)
    .filter((path) => path !== 'version' && !sections.some((section) => isIn(path, section)));
}

function honouredKeys(): DocumentedKey[] {
  return keysOf(configSchema).filter(
    ({ path }) => isHonoured(path.replaceAll('[]', '').split('.')) && !isIn(path, ALIAS),
  );
}

/**
 * @param section a path; in a list of objects, keys are relative to its entries. With commas: several paths in one table.
 * @param sections the other tables of the page, whose keys are left out
 */
function keyTable(section: string, sections: readonly string[]): string {
  const nested = sections.filter((other) => other !== section && isIn(other, section));
  const keys = honouredKeys().filter(({ path }) => isIn(path, section) && !nested.some((other) => isIn(path, other)));
  if (keys.length === 0) throw new Error(`docs: no keys in the section ${section}`);
  const prefix = section.endsWith('[]') ? `${section}.` : '';
  return table(
    ['Key', 'Format', 'Default', 'Description'],
    keys.map((key) => [code(key.path.slice(prefix.length)), key.format, key.default, key.description]),
  );
}

function isIn(path: string, section: string): boolean {
  return section
    .split(', ')
    .some((root) => path === root || (/^[.[]/.test(path.slice(root.length)) && path.startsWith(root)));
}

function ignoredTable(): string {
  const byReason = new Map<string, string[]>();
  for (const { path, instead } of IGNORED_KEYS)
    byReason.set(instead, [...(byReason.get(instead) ?? []), path.join('.')]);
  return table(
    ['Key', 'Instead'],
    [...byReason].map(([instead, paths]) => [paths.map(code).join(', '), instead]),
  );
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('').replaceAll(/ {2,}\|/g, ' |');
}
