import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { EdgeError } from './edge-error.ts';
import { createLogger, LOG_TEXT_CHARS_MAX, parseLogLevel } from './logger.ts';
import { Secret } from './secret.ts';

const AT_MS = Date.UTC(2026, 10, 22, 19, 51, 23, 7);

function aLog(level?: string) {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  const logger = createLogger({ module: 'agent', level, stream, nowMs: () => AT_MS });
  const lines = () => {
    const all = text.split('\n').slice(0, -1);
    text = '';
    return all;
  };
  return { logger, lines };
}

test('lines have the grammar that GetModuleLogs reads', () => {
  const { logger, lines } = aLog('debug');
  logger.error('Cannot pull', { code: 'X', image: 'a b' });
  logger.warn('Slow');
  logger.info('Started', { port: 80, ok: true, list: [1] });
  logger.debug('Detail', { nothing: undefined });
  expect(lines()).toEqual([
    '<3> 2026-11-22 19:51:23.007 +00:00 [ERR] Cannot pull code=X image="a b" module=agent',
    '<4> 2026-11-22 19:51:23.007 +00:00 [WRN] Slow module=agent',
    '<6> 2026-11-22 19:51:23.007 +00:00 [INF] Started port=80 ok=true list=[1] module=agent',
    '<7> 2026-11-22 19:51:23.007 +00:00 [DBG] Detail module=agent',
  ]);
});

test.each([
  ['fatal', 0],
  ['error', 1],
  ['Warning', 2],
  ['warn', 2],
  [undefined, 3],
  ['DEBUG', 4],
  ['verbose', 4],
])('level %s lets %i of four lines through', (level, count) => {
  const { logger, lines } = aLog(level);
  logger.error('e');
  logger.warn('w');
  logger.info('i');
  logger.debug('d');
  expect(lines()).toHaveLength(count);
});

test('an unknown level is an error', () => {
  expect(parseLogLevel('loud')).toBeUndefined();
  expect(() => createLogger({ module: 'x', level: 'loud' })).toThrow('level is "loud", wanted one of fatal, error');
});

test('child() adds its fields; the module cannot be forged', () => {
  const { logger, lines } = aLog();
  logger.child({ node: 'n1' }).child({ step: 2 }).info('x', { module: 'other' });
  expect(lines()[0]).toMatch(/\[INF\] x step=2 node=n1 module=agent$/);
  logger.info('y', { module: 'other' });
  expect(lines()[0]).toMatch(/ y module=agent$/);
});

describe('what must not reach a log', () => {
  test('secrets', () => {
    const { logger, lines } = aLog();
    logger.info('SharedAccessSignature sr=h&sig=hush&se=1', {
      connection: 'HostName=h;SharedAccessKey=hush=',
      key: new Secret('hush'),
      nested: { key: new Secret('hush'), password: 'hush' },
      error: new EdgeError('X', 'Cannot GET https://u:hush@h/'),
    });
    const [line] = lines();
    expect(line).not.toContain('hush');
    expect(line).toContain('sr=h&sig=[redacted]&se=1');
    expect(line).toContain('nested="{\\"key\\":\\"[secret]\\"');
  });

  test('forged lines and terminal sequences', () => {
    const { logger, lines } = aLog();
    logger.info('a\n<3> forged', { b: 'x\r\ny\u001b[31m', c: '\u2028' });
    const all = lines();
    expect(all).toHaveLength(1);
    expect(all[0]).toContain('a\\n<3> forged');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there.
    expect(all[0]).not.toMatch(/[\u0000-\u001f\u2028]/);
  });

  test('bodies', () => {
    const { logger, lines } = aLog();
    logger.info('x'.repeat(100_000), { y: 'z'.repeat(100_000) });
    expect(lines()[0]!.length).toBeLessThan(3 * LOG_TEXT_CHARS_MAX);
  });

  test('a field that cannot be printed does not throw', () => {
    const { logger, lines } = aLog();
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    logger.info('x', { cycle, big: 10n, symbol: Symbol('s'), fn: () => 1 });
    expect(lines()[0]).toContain('cycle=[unprintable] big=10');
  });
});
