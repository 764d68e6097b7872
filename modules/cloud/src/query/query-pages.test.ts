// Pages of a query over a small store: every row once, in order, whatever the page size; SQL narrowing never loses a row.

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { FakeClock, silentLogger } from '@wayside/kit';
import type { JsonObject } from '@wayside/protocol';
import { openTestStore } from '../../test/store-under-test.ts';
import { Registry } from '../identity/registry.ts';
import { PlatformBus } from '../platform-events.ts';
import { CommitGroup } from '../store/commit-group.ts';
import type { Db } from '../store/tables.ts';
import { TwinService } from '../twins/twin-service.ts';
import { narrow } from './narrow-query.ts';
import { parseQuery } from './parse-query.ts';
import { readQueryPage } from './query-pages.ts';

let db: Db;
beforeAll(async () => {
  db = await openTestStore();
  const clock = new FakeClock();
  const bus = new PlatformBus(silentLogger);
  const registry = new Registry({ db, clock, bus });
  const twins = new TwinService({ db, commits: new CommitGroup(db), clock, bus });
  for (let n = 0; n < 12; n += 1) {
    const deviceId = `d${String(n).padStart(2, '0')}`;
    await registry.createDevice(deviceId, {
      iotEdge: n === 3,
      ...(n % 4 === 0 ? { status: 'disabled' as const } : {}),
    });
    const tags: JsonObject = { site: ['north', 'south', 'east'][n % 3]!, n };
    await twins.change(deviceId, undefined, { tags: n === 11 ? {} : tags }, '*');
  }
  await registry.createModule('d05', 'm%1', {});
});
afterAll(() => db.destroy());

async function all(text: string, rowsMax: number): Promise<JsonObject[]> {
  const query = parseQuery(text);
  const rows: JsonObject[] = [];
  let continuation: string | undefined;
  do {
    const page = await readQueryPage(db, query, rowsMax, continuation);
    expect(page.rows.length).toBeLessThanOrEqual(rowsMax);
    rows.push(...page.rows);
    continuation = page.continuation;
  } while (continuation !== undefined);
  return rows;
}
const ids = async (text: string, rowsMax = 5) => (await all(text, rowsMax)).map((row) => row.deviceId);

describe.each([1, 5, 100])('pages of %d', (rowsMax) => {
  test('ORDER BY holds every row once; equal ones by id, what is undefined first', async () => {
    const rows = await ids(
      'SELECT deviceId FROM devices WHERE deviceId != "d00" ORDER BY tags.site DESC, tags.n',
      rowsMax,
    );
    expect(rows).toEqual(['d01', 'd04', 'd07', 'd10', 'd03', 'd06', 'd09', 'd02', 'd05', 'd08', 'd11']);
    expect(await ids('SELECT TOP 3 * FROM devices ORDER BY tags.n', rowsMax)).toEqual(['d11', 'd00', 'd01']);
  });

  test('GROUP BY with every aggregate', async () => {
    const rows = await all(
      'SELECT tags.site AS site, COUNT() AS n, SUM(tags.n) AS sum, AVG(tags.n) AS mean, MIN(tags.n) AS least, MAX(tags.n) AS most ' +
        'FROM devices GROUP BY tags.site ORDER BY n DESC, site',
      rowsMax,
    );
    expect(rows).toEqual([
      { site: 'north', n: 4, sum: 18, mean: 4.5, least: 0, most: 9 },
      { site: 'south', n: 4, sum: 22, mean: 5.5, least: 1, most: 10 },
      { site: 'east', n: 3, sum: 15, mean: 5, least: 2, most: 8 },
      { n: 1, sum: 0 },
    ]);
  });

  test('TOP', async () => {
    expect(await ids('SELECT TOP 7 deviceId FROM devices', rowsMax)).toHaveLength(7);
    expect(await ids('SELECT TOP 0 deviceId FROM devices', rowsMax)).toEqual([]);
  });
});

test('aggregates without GROUP BY are one row, also over nothing', async () => {
  expect(await all("SELECT COUNT(), MAX(tags.n) FROM devices WHERE tags.site = 'nowhere'", 5)).toEqual([{ $1: 0 }]);
  expect(await all('SELECT COUNT(tags.n) AS n FROM devices', 5)).toEqual([{ n: 11 }]);
});

test.each([
  ["deviceId = 'd07' OR 'd08' = deviceId", ['d07', 'd08']],
  ["deviceId IN ['d01', 'd99', 5]", ['d01']],
  ["STARTSWITH(deviceId, 'd1') AND tags.n = 10", ['d10']],
  ["STARTSWITH(deviceId, 'D1')", []],
  ["STARTSWITH(deviceId, 'd%')", []],
  ["status = 'disabled' AND deviceId > 'd02'", ['d04', 'd08']],
  ['capabilities.iotEdge = true', ['d03']],
  ['capabilities.iotEdge', ['d03']],
  ["connectionState = 'Connected'", []],
  ["connectionState = 'nonsense'", []],
  ["connectionState = 'Disconnected' AND tags.n < 2", ['d00', 'd01']],
  ["NOT deviceId IN ['d01'] AND tags.n < 3", ['d00', 'd02']],
  ["(deviceId = 'd01' OR tags.n = 2) AND authenticationType = 'sas'", ['d01', 'd02']],
  ["moduleId = 'm%1'", []],
])('SQL and predicate agree: %s', async (where, expected) => {
  expect(await ids(`SELECT deviceId FROM devices WHERE ${where}`)).toEqual(expected);
});

test('modules are found by their own id', async () => {
  expect(
    await ids("SELECT deviceId FROM devices.modules WHERE moduleId = 'm%1' OR STARTSWITH(moduleId, 'm%')"),
  ).toEqual(['d05']);
  expect(await ids("SELECT deviceId FROM devices.modules WHERE deviceId = 'd03'")).toEqual(['d03', 'd03']);
});

test('narrow() says nothing where SQL could lose a row', () => {
  const of = (where: string) =>
    narrow(parseQuery(`SELECT * FROM devices WHERE ${where}`).where, { deviceId: 'device_id' });
  for (const where of ["deviceId = 'a' OR tags.n = 1", "NOT deviceId = 'a'", "deviceId != 'a'", "deviceId NIN ['a']"]) {
    expect(of(where)).toBeUndefined();
  }
  expect(of("tags.n = 1 AND deviceId = 'a'")).toEqual({ kind: 'in', column: 'device_id', values: ['a'] });
});

test('a continuation of another kind of query is refused', async () => {
  const plain = await readQueryPage(db, parseQuery('SELECT * FROM devices'), 1, undefined);
  const ordered = parseQuery('SELECT * FROM devices ORDER BY deviceId');
  for (const token of [plain.continuation, 'x', '', Buffer.from('[[1],"a",0]').toString('base64url')]) {
    await expect(readQueryPage(db, ordered, 1, token)).rejects.toMatchObject({ code: 'CLOUD_ARGUMENT_INVALID' });
  }
});
