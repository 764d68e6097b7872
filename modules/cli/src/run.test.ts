import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { expectGolden } from '../test/golden.ts';
import { runCli } from '../test/test-io.ts';
import { ERRORS } from './errors.ts';

describe('help', () => {
  test.each([
    'list',
    'restart',
    'version',
    'support-bundle',
    'check',
    'check-list',
    'login',
    'logout',
    'connection-string',
    'node',
    'node create',
    'node set',
    'node list',
    'node show',
    'node delete',
    'node provision',
    'deploy',
    'manifest',
    'method',
    'monitor',
    'logs',
    'messages',
    'timeline',
    'deployment',
    'deployment create',
    'deployment show',
    'deployment dry-run',
    'history',
    'rollback',
    'route',
    'prefixes',
    'bgp',
    'review',
    'account set',
    'steer dhcp',
    'steer dns',
    'user invite',
    'user set',
    'token create',
    'join',
    'password',
    'audit',
  ])('%s --help', async (command) => {
    const { exitCode, stdout } = await runCli([...command.split(' '), '--help']);
    expect(exitCode).toBe(0);
    expectGolden(`help-${command.replace(' ', '-')}.txt`, stdout);
  });

  test('--help', async () => {
    expectGolden('help.txt', (await runCli(['--help'])).stdout);
  });
});

test('check-list', async () => {
  expectGolden('check-list.txt', (await runCli(['check-list'])).stdout);
});

test('version names the command as it was called', async () => {
  expect((await runCli(['version'])).stdout).toMatch(/^wayside \d+\.\d+\.\d+\n$/);
  expect((await runCli(['version'], { env: { WAYSIDE_PROGRAM: 'iotedge' } })).stdout).toMatch(/^iotedge \d/);
  expect(await runCli(['--version'])).toMatchObject({ exitCode: 0, stdout: (await runCli(['version'])).stdout });
});

describe('bad input', () => {
  test('settings: every problem, exit 153', async () => {
    const { exitCode, stderr } = await runCli(['list'], { env: { IOTEDGE_HOST: 'ftp://x', WAYSIDE_INSTANCE: 'A B' } });
    expect(exitCode).toBe(153);
    expect(stderr).toContain('IOTEDGE_HOST');
    expect(stderr).toContain('WAYSIDE_INSTANCE');
  });

  test.each([
    [['--instance', '../x', 'list'], /Cannot read instance "\.\.\/x".*\[CLI_OPTION_INVALID\]\n\n$/],
    [['-H', 'x', 'list'], /Cannot read host "x": wanted unix:/],
    [['check', '--dont-run', 'nonsense'], /Cannot read dont-run "nonsense": wanted ids of check-list/],
    [['logs', 'MCC', '--tail', 'many'], /wanted a whole number/],
    [['logs', 'MCC', '--since', 'yesterday'], /wanted RFC 3339/],
    [['logs', 'edge1', 'MCC', '--follow'], /wanted a module of this node/],
    [['login', 'http://cloud'], /wanted https:\/\/HOST/],
    [['login', 'https://user:pw@cloud'], /wanted https:\/\/HOST/],
    [['login', 'https://c', '--ca', 'a', '--pin', 'b'], /wanted one of them/],
    [['node', 'create', 'n', '--ip', '10.0.0.1', '--drive', 'here'], /Cannot read the drive "here"/],
    [['node', 'create', 'n', '--ip', '10.0.0.1', '--http-port', '0'], /wanted a whole number from 1 to 65535/],
    [['node', 'create', 'n'], /required option '--ip/],
    [['monitor', 'edge1'], /Not logged in/],
    [['frobnicate'], /unknown command 'frobnicate'/],
  ])('%j', async (args, text) => {
    const { exitCode, stderr, stdout } = await runCli(args, { env: { WAYSIDE_CONFIG_DIR: '/nonexistent' } });
    expect(exitCode).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(text);
  });
});

test('every code of the catalogue is raised somewhere', () => {
  const root = new URL('./', import.meta.url);
  const sources = readdirSync(root, { recursive: true })
    .map(String)
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && path !== 'errors.ts')
    .map((path) => readFileSync(new URL(path, root), 'utf8'))
    .join('\n');
  for (const code of Object.keys(ERRORS)) expect(sources).toContain(`'${code}'`);
});
