import { expect, test } from '@jest/globals';
import { commandsOf } from './readme.ts';

test('commandsOf() takes commands, not what they print', () => {
  const markdown = [
    'text',
    '```sh',
    '# a comment',
    'npm start   # ends 0',
    'wget "http://x/#y"',
    'a \\',
    '  b',
    '```',
    '```console',
    '$ scripts/wayside list',
    'NAME STATUS',
    '```',
    '```json',
    '{"no": "command"}',
    '```',
  ].join('\n');
  expect(commandsOf(markdown)).toEqual(['npm start', 'wget "http://x/#y"', 'a b', 'scripts/wayside list']);
});
