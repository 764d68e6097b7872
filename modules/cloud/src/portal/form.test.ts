import { describe, expect, test } from '@jest/globals';
import { type FormState, postForm, problemSummary, textField } from './form.ts';

const state = (values: { [name: string]: string }, problems: FormState['problems'] = []): FormState => ({
  values: new URLSearchParams(values),
  problems,
});

describe('textField()', () => {
  test('keeps what was typed, escaped', () => {
    const { markup } = textField({ name: 'name', label: 'Name' }, state({ name: '"><script>' }));
    expect(markup).toContain('value="&quot;&gt;&lt;script&gt;"');
  });

  test('never sends a password back', () => {
    expect(textField({ name: 'p', label: 'P', type: 'password' }, state({ p: 'secret' })).markup).not.toContain(
      'secret',
    );
  });

  test('shows the problem beside the field, tied to it for screen readers', () => {
    const problems = [{ path: 'drives[0].sizeGb', message: '5 GB, wanted an integer' }];
    const { markup } = textField(
      { name: 'drives[0].sizeGb', label: 'Size' },
      state({ 'drives[0].sizeGb': '5' }, problems),
    );
    expect(markup).toContain('aria-describedby="field-drives-0--sizeGb-problem"');
    expect(markup).toContain('aria-invalid="true"');
    expect(markup).toContain('5 GB, wanted an integer');
  });

  test('a problem of one part of a list stands at the field that holds the list', () => {
    const { markup } = textField(
      { name: 'cidrs', label: 'CIDRs' },
      state({ cidrs: 'x' }, [{ path: 'cidrs[3]', message: 'bad' }]),
    );
    expect(markup).toContain('bad');
  });
});

test('problemSummary() links each problem to its field, and shows those of no field', () => {
  const problems = [
    { path: 'name', message: 'in use' },
    { path: 'elsewhere', message: 'odd' },
  ];
  const { markup } = problemSummary(state({ name: 'a' }, problems), 'Nothing was saved');
  expect(markup).toContain('<a href="#field-name">in use</a>');
  expect(markup).toContain('<li>elsewhere: odd</li>');
  expect(markup).toContain('2 problems');
});

test('postForm() carries the CSRF token of the session', () => {
  expect(postForm({ csrf: 'a"b' }, '/x', '').markup).toContain('name="_csrf" value="a&quot;b"');
});
