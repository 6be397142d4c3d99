import type { Cell, Chart } from './table.ts';

const [WIDTH, LABELS, BAR, GAP, MARGIN] = [900, 140, 18, 26, 16];
const COLORS = ['#0b6e99', '#9aa5b1', '#c98a3b', '#7a6fa8', '#4f8a5b'];
/** Bars end here, and the text of a cell follows. */
const LONGEST = 430;

/**
 * An SVG with a group of bars for each row. The longest bar of a group is the best contender; the others are shown in proportion, with the
 * figures of the table beside them.
 */
export function renderChart({ title, rows, contenders }: Chart): string {
  const body: string[] = [];
  let y = MARGIN + 30;
  for (const { work, cells } of rows) {
    body.push(text(MARGIN, y, work, 'font-weight="600"'));
    y += 8;
    for (const { name, cell, share } of barsOf(cells, contenders)) {
      const color = COLORS[contenders.indexOf(name) % COLORS.length] ?? 'gray';
      const length = Math.max(1, share * LONGEST);
      body.push(text(MARGIN, y + 13, name));
      body.push(
        `<rect x="${LABELS}" y="${y}" width="${length.toFixed(1)}" height="${BAR - 4}" rx="2" fill="${color}"/>`,
      );
      body.push(text(LABELS + length + 8, y + 12, cell.text));
      y += BAR;
    }
    y += GAP;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${y}" viewBox="0 0 ${WIDTH} ${y}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="${escape(title)}">
<rect width="100%" height="100%" fill="#ffffff"/>
${text(MARGIN, MARGIN + 8, title, 'font-size="15" font-weight="700"')}
${body.join('\n')}
</svg>
`;
}

function barsOf(cells: ReadonlyMap<string, Cell>, contenders: readonly string[]) {
  const shown = contenders.flatMap((name) => {
    const cell = cells.get(name);
    return cell?.score === undefined ? [] : [{ name, cell, score: cell.score }];
  });
  const best = Math.max(...shown.map(({ score }) => score));
  return shown.map(({ name, cell, score }) => ({ name, cell, share: score / best }));
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" fill="#1f2933" ${attributes}>${escape(content)}</text>`;
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
