// Started by hub-durability.int.test.ts: writes messages and reports without pause and prints what was acknowledged, until it is killed.

import { writeSync } from 'node:fs';
import { createLogger, systemClock } from '@wayside/kit';
import { createPlatform } from '../src/create-platform.ts';

const platform = await createPlatform({
  dbPath: process.argv[2] ?? '',
  clock: systemClock,
  logger: createLogger({ module: 'child', level: 'error', stream: process.stderr }),
  hostNames: ['localhost'],
});
if (!(await platform.getDevice('d'))) await platform.createEdgeDevice('d');

async function send(): Promise<void> {
  for (let n = 0; ; n += 1) {
    const seq = await platform.intake.add({
      deviceId: 'd',
      properties: { system: {}, app: {} },
      body: Buffer.from(`${n}`),
    });
    writeSync(1, `message ${seq}\n`);
  }
}

async function report(): Promise<void> {
  for (let n = 0; ; n += 1) {
    const version = await platform.twins.report('d', undefined, { n }, undefined);
    writeSync(1, `version ${version}\n`);
  }
}

await Promise.all([...Array.from({ length: 20 }, send), report()]);
