import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { ownAddress, ownPrefix, readSeats, type Seat, writeSeats } from './seat.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayside-seats-'));
});
afterAll(() => rm(folder, { recursive: true }));

const seat: Seat = {
  ...{ name: 'sim-00000', ipAddress: '127.64.0.1', httpPort: 4000, hubHost: 'localhost', mqttPort: 8883 },
  ...{ deviceKey: 'a2V5', identityKey: 'a2V5', moduleKeys: { MCC: 'a2V5' } },
};

test('five thousand nodes have addresses and prefixes of their own', () => {
  const indexes = Array.from({ length: 5_000 }, (_, index) => index);
  expect(new Set(indexes.map(ownAddress)).size).toBe(5_000);
  expect(new Set(indexes.map(ownPrefix)).size).toBe(5_000);
  expect([ownAddress(0), ownAddress(255), ownAddress(70_000)]).toEqual(['127.64.0.1', '127.64.1.0', '127.65.17.113']);
});

test('keys survive in a file that only its owner reads', async () => {
  const file = join(folder, 'seats.json');
  expect(await readSeats(file, 'https://a')).toEqual(new Map());
  await writeSeats(file, 'https://a', [seat]);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readSeats(file, 'https://a')).toEqual(new Map([['sim-00000', seat]]));
});

test.each(['{}', '{"cloud":"https://b","seats":[]}', '{"cloud":"https://a","seats":[{"name":"x"}]}'])(
  'a file of another cloud, or none of ours, is refused: %s',
  async (text) => {
    const file = join(folder, 'other.json');
    await writeFile(file, text);
    await expect(readSeats(file, 'https://a')).rejects.toMatchObject({ code: 'SIMULATOR_STATE_INVALID' });
  },
);
