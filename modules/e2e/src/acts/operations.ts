// Act 6: what an operator does day by day, on the node and from afar.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import yauzl, { type Entry } from 'yauzl';
import { mustWayside, until, wayside } from '../commands.ts';
import { startedAt } from '../node.ts';
import { NODE } from '../settings.ts';

/** Checks that may warn on a machine that is no production server. */
const MAY_WARN = ['container-engine-dns', 'mcc-drives'];

export function operations(): void {
  test('check: no error, and warnings only where a test machine earns them', async () => {
    const { exitCode, stdout } = await wayside('check', '-o', 'json');
    const { checks } = JSON.parse(stdout) as {
      checks: { [id: string]: { result: { result: string; details?: string[] } } };
    };
    const bad = Object.entries(checks)
      .filter(([id, c]) => c.result.result !== 'ok' && !(c.result.result === 'warning' && MAY_WARN.includes(id)))
      .map(([id, c]) => `${id}: ${c.result.result} ${c.result.details?.join(' | ') ?? ''}`);
    expect(bad).toEqual([]);
    expect(exitCode).toBe(0);
    const shown = await wayside('check', '--dont-run', 'container-engine-dns');
    expect(shown.stdout).toMatch(/√ container on the IoT Edge module network can connect to upstream MQTT port - OK\n/);
    expect(shown.stdout).toMatch(/\d+ check\(s\) succeeded\./);
  }, 120_000);

  test('logs of a module, on the node and from the cloud', async () => {
    const here = await mustWayside('logs', 'edgeAgent', '--tail', '20');
    expect(`${here.stdout}${here.stderr}`).toMatch(/\[INF\]/);
    const far = await mustWayside('logs', NODE, 'edgeAgent', '--tail', '20');
    expect(far.stdout).toMatch(/\[INF\]/);
    expect((await wayside('logs', 'no-such-module')).stderr).toContain('[CLI_DAEMON_REFUSED]');
    expect((await wayside('logs', NODE, 'no-such-module')).exitCode).toBe(1);
  });

  test('direct methods: ping and RestartModule', async () => {
    expect(JSON.parse((await mustWayside('method', `${NODE}/edgeAgent`, 'ping')).stdout)).toMatchObject({
      status: 200,
    });
    const before = await startedAt('MCC');
    await mustWayside('method', `${NODE}/edgeAgent`, 'RestartModule', '{"schemaVersion":"1.0","id":"MCC"}');
    await until('MCC was restarted', 30, async () => (await startedAt('MCC')) !== before);
    expect((await wayside('method', `${NODE}/edgeAgent`, 'NoSuchMethod')).exitCode).toBe(1);
  }, 60_000);

  test('restart of a module on the node', async () => {
    const before = await startedAt('MCC');
    expect((await mustWayside('restart', 'MCC')).stdout).toBe('Restarted MCC\n\n');
    expect(await startedAt('MCC')).not.toBe(before);
  }, 60_000);

  test('support-bundle holds logs, inspections and check.json, and no key', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'wayside-e2e-'));
    try {
      const file = join(directory, 'bundle.zip');
      await mustWayside('support-bundle', '-o', file);
      const found: { [name: string]: string } = {};
      const reader = await yauzl.openPromise(file, { lazyEntries: true });
      for await (const entry of reader.eachEntry() as AsyncIterable<Entry>)
        found[entry.fileName] = await text(await reader.openReadStreamPromise(entry));
      expect(Object.keys(found)).toEqual(
        expect.arrayContaining(['check.json', 'logs/edgeAgent_log.txt', 'inspect/MCC.json']),
      );
      expect(JSON.parse(found['check.json']!).checks['container-engine-uri'].result).toEqual({ result: 'ok' });
      for (const [name, content] of Object.entries(found))
        expect([name, /SharedAccessKey=[A-Za-z0-9+/]{20}|sig=[A-Za-z0-9%]{20}|PRIVATE KEY/.test(content)]).toEqual([
          name,
          false,
        ]);
    } finally {
      await rm(directory, { recursive: true });
    }
  }, 120_000);

  test('the timeline tells what happened', async () => {
    const { stdout } = await mustWayside('timeline', NODE, '--limit', '1000');
    expect(stdout).toMatch(/\bMCC\b/);
    expect(stdout).toMatch(/\bedgeAgent\b/);
  });
}
