import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import type { ModuleDetails, NodeMonitor } from '@wayside/protocol';
import { testIo } from '../test/test-io.ts';
import type { CloudClient } from './cloud/cloud-client.ts';
import { eventLine, messageLine } from './cloud/messages.ts';
import { cloudLogs } from './cloud/method.ts';
import { copyFrames } from './daemon/docker-frames.ts';
import { errorText } from './error-text.ts';
import { monitorText } from './monitor/monitor-text.ts';
import { moduleTable } from './table/module-table.ts';
import { cleanerFor, jsonText, plainLine, plainLines } from './terminal-text.ts';

/** Clears the screen, sets the title, writes the clipboard, C1 CSI, a forged line, and text turned round. */
const EVIL = 'a\u001b[2J\u001b]0;t\u0007\u001b]52;c;ZXZpbA==\u0007\u009b31m\r\nroot# \u202eb';
const UNSAFE = /[^\n\P{Cc}]|[\u202a-\u202e]/u;

test('plainLine() is one line, plainLines() keeps tab and line feed', () => {
  expect(plainLine(EVIL)).toBe('a[2J]0;t]52;c;ZXZpbA==31m root# b');
  expect(plainLines('a\tb\n\u001b[1mc\rd')).toBe('a\tb\n[1mcd');
  expect(plainLine('Grüße 日本 🎉')).toBe('Grüße 日本 🎉');
});

test('jsonText() says the same without a character that a terminal would obey', () => {
  expect(JSON.parse(jsonText({ EVIL }))).toEqual({ EVIL });
  expect(jsonText({ EVIL }, 2)).not.toMatch(UNSAFE);
});

test('what a node says reaches the terminal as plain text', () => {
  const message = {
    ...{ seq: 1, enqueuedAtUtc: 'T', moduleId: EVIL, properties: { [EVIL]: EVIL }, systemProperties: {} },
    body: EVIL,
  };
  const event = { seq: 1, atUtc: 'T', kind: 'module', subject: EVIL, text: EVIL, details: null };
  const module = {
    ...{ id: 'i', name: EVIL, type: 'docker', config: { settings: { image: EVIL, createOptions: {} }, env: [] } },
    status: { runtimeStatus: { status: EVIL } },
  } as ModuleDetails;
  for (const line of [messageLine(message), eventLine(event)]) expect(line).not.toMatch(/[\p{Cc}\u202e]/u);
  expect(moduleTable([module], 0n)).not.toMatch(UNSAFE);
  expect(moduleTable([module], 0n).split('\n')).toHaveLength(3);
  expect(errorText(new Error(EVIL, { cause: new Error(EVIL) }))).not.toMatch(/[^\n\t\P{Cc}]|\u202e/u);
});

test('monitor shows plain text only', () => {
  const monitor = {
    ...{ name: 'edge1', state: 'Unhealthy', stateText: EVIL, connected: true, lastHeartbeatUtc: null, atUtc: 'T' },
    reasons: [{ code: 'X', text: EVIL, sinceUtc: null }],
    deployment: { desiredVersion: 1, handledVersion: 1, code: 400, description: EVIL },
    probe: { ok: false, httpStatus: null, ms: null, error: EVIL, atUtc: null },
    daemon: null,
    modules: [
      {
        ...{ name: EVIL, desiredStatus: null, runtimeStatus: EVIL, restartCount: 0, startsSeen: 0, image: EVIL },
        ...{ lastChangeUtc: null, statusDescription: EVIL, nextRetryTimeUtc: EVIL, lastExitTimeUtc: null },
      },
    ],
    cache: null,
  } as unknown as NodeMonitor;
  expect(monitorText(monitor, 0)).not.toMatch(UNSAFE);
});

test('logs are cleaned for a terminal and untouched for a file', async () => {
  const client = { moduleLogs: async () => EVIL } as unknown as CloudClient;
  for (const isTTY of [true, false]) {
    const { io, output } = testIo();
    io.stdout.isTTY = isTTY;
    await cloudLogs(io, client, 'edge1', 'm', { tail: 1, since: undefined });
    expect(output().stdout).toBe(isTTY ? `${plainLines(EVIL)}\n` : `${EVIL}\n`);
    const frame = (bytes: Buffer) => Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, bytes.length]), bytes]);
    const out = Object.assign(new PassThrough(), { isTTY });
    const bytes = Buffer.from(`ü\t${EVIL}\n`);
    // The first character and the C1 one are cut in two by frames.
    const at = bytes.indexOf(0x9b);
    const cuts = [bytes.subarray(0, 1), bytes.subarray(1, at), bytes.subarray(at)];
    await copyFrames(Readable.from(cuts.map((cut) => frame(cut))), out, new PassThrough());
    out.end();
    expect(await text(out)).toBe(isTTY ? plainLines(bytes.toString()) : bytes.toString());
  }
  expect(cleanerFor(new PassThrough())(Buffer.from('\u001b'))).toEqual(Buffer.from('\u001b'));
});
