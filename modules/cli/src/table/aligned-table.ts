// Lays rows out in columns. Pure text, no colours, no terminal; cells are words of others and leave as plain lines.

import { plainLine } from '../terminal-text.ts';

/** Blanks between two columns, unless told otherwise. */
const GAP = 2;

/** Every column but the last is padded to its longest cell (at least `columnWidthMin`) plus `gap` blanks; the last is never padded. Lines end in \n. */
export function alignedTable(rows: readonly (readonly string[])[], columnWidthMin = 0, gap = GAP): string {
  const plainRows = rows.map((row) => row.map(plainLine));
  const widths: number[] = [];
  for (const row of plainRows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? columnWidthMin, [...cell].length);
    });
  return plainRows
    .map((row) => {
      const cells = row.map((cell, i) =>
        i === row.length - 1 ? cell : cell + ' '.repeat(widths[i]! + gap - [...cell].length),
      );
      return `${cells.join('')}\n`;
    })
    .join('');
}
