import { describe, expect, test } from '@jest/globals';
import type { ConfigError } from '@wayside/kit';
import { loadSimulatorConfig, optionsText } from './config.ts';

function problemsOf(argv: string[], env = {}): string[] {
  try {
    loadSimulatorConfig(argv, env);
    return [];
  } catch (error) {
    return (error as ConfigError).problems.map(({ path }) => path);
  }
}

describe('loadSimulatorConfig()', () => {
  test('options come before variables, variables before what is preset', () => {
    const env = { WAYSIDE_SIMULATE_NODES: '7', WAYSIDE_SIMULATE_SEED: '9' };
    const config = loadSimulatorConfig(['--nodes', '100', '--cloud-dir', '/c', '--json', '--mqtt', 'a:1,b:2'], env);
    expect(config).toMatchObject({ nodes: 100, seed: 9, reportSecs: 15, json: true, mqtt: ['a:1', 'b:2'] });
    expect([config.ca, config.secret]).toEqual(['/c/ca/ca.pem', '/c/admin-secret']);
  });

  test('names every problem', () => {
    expect(problemsOf(['--nodes', '0', '--flap', '2', '--cloud', 'http://x', '--cloud-dir', '/c'])).toEqual([
      expect.stringContaining('cloud'),
      expect.stringContaining('nodes'),
      expect.stringContaining('flap'),
    ]);
    expect(problemsOf([])).toEqual(['--ca (ca)', '--secret (secret)']);
    expect(problemsOf(['--nope'])).toEqual(['command line']);
  });

  test('the help names each option once', () => {
    const options = optionsText().match(/^ {2}--[a-z-]+/gm) ?? [];
    expect(options).toContain('  --stale-share');
    expect(new Set(options).size).toBe(options.length);
  });
});
