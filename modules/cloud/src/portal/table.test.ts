import { describe, expect, test } from '@jest/globals';
import { html } from './html.ts';
import { renderTable, type Table, tableCsv } from './table.ts';

interface Row {
  name: string;
  count: number | null;
}

const aTable = (rows: Row[]): Table<Row> => ({
  id: 'rows',
  caption: 'Rows',
  rows,
  empty: html`<p>No rows</p>`,
  rowId: ({ name }) => `row-${name}`,
  columns: [
    { label: 'Name', isHead: true, cell: ({ name }) => name, csv: ({ name }) => name },
    { label: 'Count', isNumber: true, cell: ({ count }) => count, csv: ({ count }) => count },
    { label: 'Only in the file', csv: () => 'x' },
    { label: 'Only on the page', cell: () => 'y' },
  ],
});

describe('renderTable()', () => {
  test('escapes cells, ids and captions, and names each cell for narrow screens', () => {
    const { markup } = renderTable(aTable([{ name: '<b>"', count: 1 }]), '/x?csv=rows');
    expect(markup).toContain('id="row-&lt;b&gt;&quot;"');
    expect(markup).toContain('<th role="rowheader" scope="row" data-label="Name">&lt;b&gt;&quot;</th>');
    expect(markup).toContain('class="number" data-label="Count"');
    expect(markup).not.toContain('Only in the file');
    expect(markup).toContain('href="/x?csv=rows" download');
  });

  test('without rows says so, with the id in its place', () => {
    expect(renderTable(aTable([])).markup).toBe('<div class="empty" id="rows"><p>No rows</p></div>');
  });
});

test('tableCsv() quotes texts and defuses formulas', () => {
  const rows = [
    { name: '=1+1', count: 2 },
    { name: 'a "b", c', count: null },
  ];
  expect(tableCsv(aTable(rows))).toBe('"Name","Count","Only in the file"\r\n"\'=1+1",2,"x"\r\n"a ""b"", c",,"x"\r\n');
});
