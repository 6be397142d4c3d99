// Checks README.md, docs/ and the comments and texts of src/ against docs/STYLE.md: words to avoid; in pages also line length,
// one sentence per line, dead links and paths.
//   node test/setup/lint-words.mjs [root]
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const MAX_LINE_LENGTH = 159;
const STYLE = 'docs/STYLE.md';
/** Written by `npm run api-docs`: only its links are checked. */
const GENERATED = ['docs/spec/api.md'];
const ABBREVIATIONS = /\b(?:e\.g|i\.e|etc|vs)\./g;

const [, , root = '.'] = process.argv;
const avoided = readAvoidedWords(read(STYLE));
const pages = ['README.md', ...listFiles('docs', '.md')];
const problems = pages.flatMap((page) => checkPage(page, read(page)));
if (avoided.length === 0) problems.push(`${STYLE}: the table "Words to avoid" is missing`);
const sources = [...listFiles('src', '.ts'), ...listFiles('src', '.tsx')];
problems.push(...sources.flatMap((file) => checkSource(file, read(file))));

for (const problem of problems) process.stderr.write(`${problem}\n`);
const checked = `README.md, ${pages.length - 1} pages in docs and ${sources.length} files in src`;
console.log(problems.length === 0 ? `${checked}: no problems` : `${checked}: ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;

function read(path) {
  return readFileSync(join(root, path), 'utf8');
}

function listFiles(folder, extension) {
  if (!existsSync(join(root, folder))) return [];
  const names = readdirSync(join(root, folder), { recursive: true }).map((name) => name.replaceAll('\\', '/'));
  return names
    .filter((name) => name.endsWith(extension))
    .toSorted()
    .map((name) => `${folder}/${name}`);
}

/** Rows of the table "Words to avoid": `word`, `word` | replacement | `phrase in which it is right`. */
function readAvoidedWords(style) {
  const [, section = ''] = style.split('\n## Words to avoid\n');
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  return rows.map((row) => {
    const [, words = '', instead = '', exceptions = ''] = row.split('|');
    return { pattern: anyOf(codeSpans(words)), instead: instead.trim(), exceptions: anyOf(codeSpans(exceptions)) };
  });
}

function codeSpans(text) {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, span]) => span);
}

function anyOf(phrases) {
  return phrases.length === 0 ? /(?!)/g : new RegExp(`(?<![\\w-])(?:${phrases.join('|')})(?![\\w-])`, 'gi');
}

function checkPage(page, text) {
  const lines = withoutCodeBlocks(text.split('\n'));
  return lines.flatMap((line, i) => {
    const broken = [...deadLinks(page, line), ...deadPaths(page, line)];
    const style = GENERATED.includes(page) ? [] : [...wrongWords(line), ...wrongLine(line, lines[i + 1] ?? '')];
    return [...broken, ...style].map((problem) => `${page}:${i + 1}: ${problem}`);
  });
}

/** The same number of lines; those of fenced code are empty. */
function withoutCodeBlocks(lines) {
  let isCode = false;
  return lines.map((line) => {
    const isFence = /^\s*```/.test(line);
    if (isFence) isCode = !isCode;
    return isFence || isCode ? '' : line;
  });
}

/** Text as a reader sees it: code is a placeholder, a link is its text. */
function visible(line) {
  return line.replace(/`[^`]+`/g, '`').replace(/\]\([^)]*\)/g, ']');
}

function wrongWords(line) {
  return avoided.flatMap(({ pattern, instead, exceptions }) => {
    const rest = visible(line).replace(exceptions, '');
    return [...rest.matchAll(pattern)].map(([word]) => `"${word}" (write: ${instead})`);
  });
}

function wrongLine(line, next) {
  if (line.startsWith('|')) return [];
  const found = [];
  if (line.length > MAX_LINE_LENGTH) found.push(`${line.length} characters (at most ${MAX_LINE_LENGTH})`);
  const sentence = visible(line)
    .replace(/^\s*(?:[-*]|\d+\.)\s+/, '')
    .replace(ABBREVIATIONS, '')
    .trimEnd();
  if (/[.!?][)"'*\]]*\s+\S/.test(sentence)) found.push('more than one sentence');
  if (isProse(line) && isContinuation(next) && !/[.!?:;…][)"'*\]]*$/.test(sentence)) {
    found.push('the sentence continues on the next line');
  }
  return found;
}

function isProse(line) {
  return line.trim() !== '' && !/^\s*[#|]/.test(line);
}

function isContinuation(line) {
  return isProse(line) && !/^\s*(?:[-*]|\d+\.)\s/.test(line);
}

function deadLinks(page, line) {
  const targets = [...line.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target)
    .filter((target) => !target.includes(':'));
  return targets.flatMap((target) => {
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? page : normalize(join(dirname(page), path));
    if (!existsSync(join(root, file))) return [`${target} does not exist`];
    if (anchor === undefined || statSync(join(root, file)).isDirectory()) return [];
    return anchorsOf(read(file)).includes(anchor) ? [] : [`${target}: no such heading`];
  });
}

/** Files of the repository that a page names as code, such as `src/main.ts`. */
function deadPaths(page, line) {
  const paths = codeSpans(line).filter((span) => /^(?:src|test|bench|config\/examples)\/[\w./-]*\w$/.test(span));
  return paths.filter((path) => !existsSync(join(root, path))).map((path) => `${path} does not exist`);
}

/** As GitHub makes them: lower case, without punctuation, a number behind the second of a name. */
function anchorsOf(text) {
  const seen = new Map();
  return withoutCodeBlocks(text.split('\n'))
    .filter((line) => /^#{1,6} /.test(line))
    .map((line) => {
      const heading = line.replace(/^#+ /, '').replace(/\]\([^)]*\)/g, ']');
      const slug = heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-');
      const count = seen.get(slug) ?? 0;
      seen.set(slug, count + 1);
      return count === 0 ? slug : `${slug}-${count}`;
    });
}

/** Words of comments and of strings with several words. */
function checkSource(file, text) {
  const parts = [...text.matchAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)* (?:[^'\\\n]|\\.)*'|`[^`]* [^`]*`/g)];
  return parts.flatMap(({ 0: part, index }) => {
    const first = text.slice(0, index).split('\n').length;
    return part.split('\n').flatMap((line, i) => wrongWords(line).map((problem) => `${file}:${first + i}: ${problem}`));
  });
}
