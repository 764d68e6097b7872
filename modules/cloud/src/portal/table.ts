// A table is described once: as HTML (rows turn into cards on narrow screens) and as CSV.

import { type CsvCell, csvLine } from '../api/csv.ts';
import { attributes, type Html, type HtmlValue, html } from './html.ts';

export interface Column<Row> {
  /** Heading, also of the CSV. */
  label: string;
  /** Absent: the column stands in the CSV alone. */
  cell?(row: Row): HtmlValue;
  /** Value in the CSV; undefined leaves the column out of it. */
  csv?(row: Row): CsvCell;
  isNumber?: boolean;
  /** The cell that names the row. */
  isHead?: boolean;
  /** Hidden below 1100 px. */
  isMinor?: boolean;
  /** A link that sorts by this column, with the order it has now. */
  sort?: { href: string; order: 'ascending' | 'descending' | 'none' };
}

// biome-ignore lint/suspicious/noExplicitAny: a page holds tables of different rows in one list.
export interface Table<Row = any> {
  /** Of the element and of `?csv=`. */
  id: string;
  /** What the table shows, for screen readers. */
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  /** Said in place of a table without rows. */
  empty: HtmlValue;
  rowId?(row: Row): string;
  rowClass?(row: Row): string;
}

/** `csvHref`: where the whole of it can be downloaded. */
export function renderTable<Row>(table: Table<Row>, csvHref?: string): Html {
  if (table.rows.length === 0) return html`<div class="empty" id="${table.id}">${table.empty}</div>`;
  const columns = table.columns.filter((column) => column.cell !== undefined);
  const heads = columns.map((column) => head(column));
  const rows = table.rows.map((row) => {
    const id = table.rowId?.(row);
    const cells = columns.map((column) => cell(column, row));
    return html`<tr role="row"${attributes({ id, class: table.rowClass?.(row) || undefined })}>${cells}</tr>`;
  });
  return html`<div class="table-frame" id="${table.id}"><table role="table">
<caption class="visually-hidden">${table.caption}</caption>
<thead role="rowgroup"><tr role="row">${heads}</tr></thead>
<tbody role="rowgroup">${rows}</tbody></table></div>
${csvHref ? html`<p class="table-foot"><a class="quiet" href="${csvHref}" download>Download CSV<span class="visually-hidden"> of ${table.caption}</span></a></p>` : ''}`;
}

/** Whole file, with a heading line. */
export function tableCsv<Row>(table: Table<Row>): string {
  const columns = table.columns.filter((column) => column.csv !== undefined);
  const lines = table.rows.map((row) => csvLine(columns.map((column) => column.csv?.(row))));
  return csvLine(columns.map((column) => column.label)) + lines.join('');
}

function head<Row>(column: Column<Row>): Html {
  const { sort } = column;
  const classes = classesOf(column);
  const aria = sort && sort.order !== 'none' ? sort.order : undefined;
  const mark = sort?.order === 'ascending' ? '▲' : sort?.order === 'descending' ? '▼' : '';
  const label = sort
    ? html`<a class="sort" href="${sort.href}">${column.label}<span aria-hidden="true" class="sort-mark">${mark}</span></a>`
    : column.label;
  return html`<th role="columnheader" scope="col"${attributes({ class: classes, 'aria-sort': aria })}>${label}</th>`;
}

function cell<Row>(column: Column<Row>, row: Row): Html {
  const shared = { class: classesOf(column), 'data-label': column.label };
  return column.isHead
    ? html`<th role="rowheader" scope="row"${attributes(shared)}>${column.cell?.(row)}</th>`
    : html`<td role="cell"${attributes(shared)}><span class="value">${column.cell?.(row)}</span></td>`;
}

function classesOf<Row>(column: Column<Row>): string | undefined {
  const classes = [column.isNumber ? 'number' : '', column.isMinor ? 'minor' : ''].filter((name) => name !== '');
  return classes.length > 0 ? classes.join(' ') : undefined;
}
