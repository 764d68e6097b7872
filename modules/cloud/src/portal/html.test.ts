import { describe, expect, test } from '@jest/globals';
import { attributes, html, path, withQuery } from './html.ts';

const EVIL = `<script>alert("1")</script>'&`;
const TAME = '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;';

describe('html``', () => {
  test('escapes every text, in content and in attributes', () => {
    expect(html`<p title="${EVIL}">${EVIL}</p>`.markup).toBe(`<p title="${TAME}">${TAME}</p>`);
  });

  test('takes its own markup as it is, also in lists', () => {
    const items = ['a', '<b>'].map((one) => html`<li>${one}</li>`);
    expect(html`<ul>${items}</ul>`.markup).toBe('<ul><li>a</li><li>&lt;b&gt;</li></ul>');
  });

  test('a text that looks like Html is a text', () => {
    const forged = { markup: '<b>' } as unknown as string;
    expect(html`${forged}`.markup).toBe('');
    expect(html`${[EVIL]}`.markup).toBe(TAME);
  });

  test.each([
    [null, ''],
    [undefined, ''],
    [false, ''],
    [true, ''],
    [0, '0'],
    ['', ''],
  ])('%p prints %p', (value, printed) => {
    expect(html`${value}`.markup).toBe(printed);
  });
});

describe('attributes()', () => {
  test('quotes and escapes values, leaves out what is off', () => {
    const pairs = { id: EVIL, hidden: true, checked: false, class: undefined, rows: 4 };
    expect(attributes(pairs).markup).toBe(` id="${TAME}" hidden rows="4"`);
  });

  test('refuses a name that could break out', () => {
    expect(() => attributes({ 'x onload': 'y' })).toThrow(TypeError);
  });
});

describe('addresses', () => {
  test('values of a path cannot leave their segment', () => {
    expect(path`/portal/nodes/${'../x?y#z'}`).toBe('/portal/nodes/..%2Fx%3Fy%23z');
  });

  test('empty parameters are left out, others encoded', () => {
    expect(withQuery('/a', { q: 'a&b=c', state: '', page: 2, after: null })).toBe('/a?q=a%26b%3Dc&page=2');
    expect(withQuery('/a', { q: undefined })).toBe('/a');
  });
});
