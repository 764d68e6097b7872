import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { aModule } from '../../test/builders.ts';
import { quietLogger } from '../../test/quiet-logger.ts';
import { SealedFile } from '../deployment/sealed-file.ts';
import { type LastGoodFile, ModuleMemory } from './module-memory.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayside-memory-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

let isSealerBroken = false;
const flip = (bytes: Buffer) => Buffer.from(bytes.map((byte) => byte ^ 0x55));
const sealer = {
  async encrypt(plaintext: Buffer) {
    if (isSealerBroken) throw new Error('daemon away');
    return { ciphertext: flip(plaintext).toString('base64'), initializationVector: 'x' };
  },
  async decrypt({ ciphertext }: { ciphertext: string }) {
    if (isSealerBroken) throw new Error('daemon away');
    return flip(Buffer.from(ciphertext, 'base64'));
  },
};
const memoryOf = async () => {
  const logger = quietLogger();
  const lastGoodFile = new SealedFile<LastGoodFile>(join(folder, 'last-good.json'), sealer);
  const memory = new ModuleMemory({ statePath: join(folder, 'state.json'), lastGoodFile, logger });
  await memory.load();
  return { memory, logger };
};

test('restart counts, marks, the last outcome and versions that ran outlive the process', async () => {
  const { memory: before } = await memoryOf();
  await before.loadLastGood();
  await before.countRestart('a', 1000);
  await before.countRestart('a', 2000);
  await before.mark('b', { completed: true });
  await before.recordAgentUpdate('fp', 5);
  await before.recordAgentUpdate('fp', 6);
  await before.setLastDesired({ version: 9, code: 200, description: '' });
  await before.setLastGood([aModule()]);
  const { memory: after } = await memoryOf();
  await after.loadLastGood();
  expect(after.historyOf('a')).toMatchObject({ restartCount: 2, lastRestartAtMs: 2000 });
  expect(after.historyOf('b').completed).toBe(true);
  expect(after.agentUpdate).toEqual({ fingerprint: 'fp', count: 2, lastAtMs: 6 });
  expect(after.lastDesired).toEqual({ version: 9, code: 200, description: '' });
  expect(after.lastGood.get('a')).toEqual(aModule());
  await after.forget('a');
  const { memory: last } = await memoryOf();
  await last.loadLastGood();
  expect(last.historyOf('a').restartCount).toBe(0);
  expect(last.lastGood.has('a')).toBe(false);
});

test.each([
  ['no JSON', '{"modules": {"a": {"restart'],
  ['another shape', '[1, 2]'],
  ['odd values', '{"modules":{"a":{"restartCount":-1,"lastRestartAtMs":"x","completed":"yes"},"b":null}}'],
])('a state file with %s starts afresh', async (_what, text) => {
  await writeFile(join(folder, 'state.json'), text);
  const { memory } = await memoryOf();
  expect(memory.historyOf('a')).toEqual({
    restartCount: 0,
    lastRestartAtMs: null,
    stoppedOnPurpose: false,
    completed: false,
  });
  await memory.countRestart('a', 1);
  expect((await memoryOf()).memory.historyOf('a').restartCount).toBe(1);
});

test('a damaged state file is set aside, not thrown away', async () => {
  await writeFile(join(folder, 'state.json'), '{');
  const { logger } = await memoryOf();
  expect(await readdir(folder)).toContain('state.json.damaged');
  expect(logger.lines.join()).toContain('AGENT_STATE_INVALID');
});

test('versions that ran are not overwritten before they could be read', async () => {
  const { memory } = await memoryOf();
  await memory.loadLastGood();
  await memory.setLastGood([aModule()]);
  const { memory: second } = await memoryOf();
  isSealerBroken = true;
  await expect(second.loadLastGood()).rejects.toThrow('daemon away');
  await second.setLastGood([aModule({ name: 'b' })]);
  isSealerBroken = false;
  await second.loadLastGood();
  expect([...second.lastGood.keys()].sort()).toEqual(['a', 'b']);
});
