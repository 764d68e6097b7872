import { describe, expect, test } from '@jest/globals';
import { describeError, EdgeError, isEdgeError, isRetryable } from './edge-error.ts';

test('EdgeError carries code, details, advice, source and cause', () => {
  const cause = new Error('inner');
  const error = new EdgeError('AGENT_X', 'Cannot pull', {
    cause,
    details: { image: 'a' },
    retry: { afterMs: 5 },
    source: 'upstream',
  });
  expect(error).toMatchObject({
    code: 'AGENT_X',
    message: 'Cannot pull',
    details: { image: 'a' },
    retry: { afterMs: 5 },
    source: 'upstream',
    cause,
  });
  expect(new EdgeError('X', 'y')).toMatchObject({ details: {}, retry: 'never', source: 'internal' });
  expect(Object.hasOwn(new EdgeError('X', 'y'), 'cause')).toBe(false);
});

test('guards', () => {
  expect(isEdgeError(new EdgeError('A', ''))).toBe(true);
  expect(isEdgeError(new EdgeError('A', ''), 'A')).toBe(true);
  expect(isEdgeError(new EdgeError('A', ''), 'B')).toBe(false);
  expect(isEdgeError(Object.assign(new Error('x'), { code: 'A' }), 'A')).toBe(false);
  expect(isRetryable(new EdgeError('A', '', { retry: 'backoff' }))).toBe(true);
  expect(isRetryable(new EdgeError('A', '', { retry: { afterMs: 0 } }))).toBe(true);
  expect(isRetryable(new EdgeError('A', ''))).toBe(false);
  expect(isRetryable(new Error('x'))).toBe(false);
});

describe('describeError()', () => {
  test('joins the causes', () => {
    const error = new EdgeError('A_CODE', 'Cannot connect', {
      cause: Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' }),
    });
    expect(describeError(error)).toBe('Cannot connect (A_CODE): connect ECONNREFUSED');
  });

  test.each<[unknown, string]>([
    ['text', 'text'],
    [undefined, ''],
    [null, ''],
    [42, '42'],
    [new TypeError(''), 'TypeError'],
    [new AggregateError([new Error('a'), new Error('b')]), 'a; b'],
    [new Error('same', { cause: new Error('same') }), 'same'],
  ])('%p', (error, text) => {
    expect(describeError(error)).toBe(text);
  });

  test('a cycle of causes ends', () => {
    const a = new Error('a');
    const b = new Error('b', { cause: a });
    a.cause = b;
    expect(describeError(a)).toBe('a: b');
  });

  test('URLs lose their credentials, tokens their signature', () => {
    const text = describeError(
      new Error(
        'GET https://user:hush@h.example/x?sig=hush&a=1 failed: SharedAccessSignature sr=h&sig=hush%3D&se=1 SharedAccessKey=hush==',
      ),
    );
    expect(text).not.toContain('hush');
    expect(text).toContain('https://[redacted]@h.example/x?sig=[redacted]&a=1');
    expect(text).toContain('se=1');
  });
});
