// CSV (RFC 4180) of a table. A text that a spreadsheet would run as a formula is led by an apostrophe.

export type CsvCell = string | number | boolean | null | undefined;

export function csvLine(cells: readonly CsvCell[]): string {
  return `${cells.map(csvCell).join(',')}\r\n`;
}

function csvCell(cell: CsvCell): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell !== 'string') return String(cell);
  return csvText(cell);
}

/** Quoted, whatever it holds; empty stays empty. */
export function csvText(text: string): string {
  if (text === '') return '';
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}
