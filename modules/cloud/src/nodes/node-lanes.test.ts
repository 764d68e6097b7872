import { expect, test } from '@jest/globals';
import { NodeLanes } from './node-lanes.ts';

function aGate() {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

test('work of one node is done in its order, that of another does not wait for it', async () => {
  const lanes = new NodeLanes(() => undefined);
  const done: string[] = [];
  const gate = aGate();
  void lanes.run('a', async () => {
    await gate.opened;
    done.push('a1');
  });
  void lanes.run('a', async () => void done.push('a2'));
  await lanes.run('b', async () => void done.push('b1'));
  expect([done, lanes.waiting]).toEqual([['b1'], 2]);
  gate.open();
  await lanes.idle();
  expect([done, lanes.waiting]).toEqual([['b1', 'a1', 'a2'], 0]);
});

test('a piece that fails is told and holds up nothing, also one that fails before it waits', async () => {
  const failed: unknown[] = [];
  const lanes = new NodeLanes((nodeName, error) => failed.push([nodeName, (error as Error).message]));
  let isDone = false;
  void lanes.run('a', () => {
    throw new Error('at once');
  });
  void lanes.run('a', () => Promise.reject(new Error('later')));
  await lanes.run('a', async () => {
    isDone = true;
  });
  expect([failed, isDone]).toEqual([
    [
      ['a', 'at once'],
      ['a', 'later'],
    ],
    true,
  ]);
});

test('idle() waits for what is queued meanwhile', async () => {
  const lanes = new NodeLanes(() => undefined);
  let isDone = false;
  void lanes.run('a', async () => {
    void lanes.run('b', async () => {
      isDone = true;
    });
  });
  await lanes.idle();
  expect(isDone).toBe(true);
});
