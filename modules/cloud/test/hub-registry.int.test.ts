// The unmodified azure-iothub Registry against the hub: devices, modules, bulk, twins, queries, deployments, statistics (cloud.md 2.11).

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import type { ModulesContent } from '@wayside/protocol';
import { failureOf, type HubUnderTest, startHub } from './hub-under-test.ts';

/** The suite shares its machine with others. */
jest.setTimeout(60_000);

let hub: HubUnderTest;
beforeAll(async () => {
  hub = await startHub();
});
afterAll(() => hub.close());

const manifest = (): { modulesContent: ModulesContent } =>
  JSON.parse(readFileSync(new URL('../../../deployment/quickstart.json', import.meta.url), 'utf8'));

describe('devices', () => {
  test('create, get, list, update, delete; both keys are made', async () => {
    const registry = hub.registry();
    const { responseBody: made } = await registry.create({ deviceId: 'd1' });
    expect(made).toMatchObject({
      deviceId: 'd1',
      status: 'enabled',
      connectionState: 'Disconnected',
      capabilities: { iotEdge: false },
      cloudToDeviceMessageCount: 0,
      lastActivityTime: '0001-01-01T00:00:00Z',
      authentication: { type: 'sas' },
    });
    const keys = made.authentication?.symmetricKey;
    expect(Buffer.from(keys?.primaryKey ?? '', 'base64')).toHaveLength(32);
    expect(keys?.secondaryKey).not.toBe(keys?.primaryKey);

    const { responseBody: read } = await registry.get('d1');
    expect(read).toEqual(made);
    const { responseBody: list } = await registry.list();
    expect((list as unknown as { deviceId: string }[]).map((d) => d.deviceId)).toContain('d1');

    const { responseBody: changed } = await registry.update({
      deviceId: 'd1',
      status: 'disabled',
      statusReason: 'repair',
    });
    expect(changed).toMatchObject({ status: 'disabled', statusReason: 'repair' });
    // Told or not: an update that names no keys keeps those there are.
    expect(changed.authentication?.symmetricKey).toEqual(keys);
    expect((changed as unknown as { etag: string }).etag).not.toBe((made as unknown as { etag: string }).etag);

    await registry.delete('d1');
    expect(await failureOf(registry.get('d1'))).toMatchObject({ name: 'DeviceNotFoundError' });
  });

  test('an existing id is a DeviceAlreadyExistsError, a missing one a DeviceNotFoundError', async () => {
    const registry = hub.registry();
    await registry.create({ deviceId: 'twice' });
    expect(await failureOf(registry.create({ deviceId: 'twice' }))).toMatchObject({ name: 'DeviceAlreadyExistsError' });
    expect(await failureOf(registry.update({ deviceId: 'nobody' }))).toMatchObject({ name: 'DeviceNotFoundError' });
    expect(await failureOf(registry.delete('nobody'))).toMatchObject({ name: 'DeviceNotFoundError' });
  });

  test('own keys are taken as they are, faulty ones refused', async () => {
    const registry = hub.registry();
    const symmetricKey = {
      primaryKey: Buffer.alloc(32, 1).toString('base64'),
      secondaryKey: Buffer.alloc(32, 2).toString('base64'),
    };
    const { responseBody } = await registry.create({ deviceId: 'own-keys', authentication: { symmetricKey } });
    expect(responseBody.authentication?.symmetricKey).toEqual(symmetricKey);
    const short = { primaryKey: 'c2hvcnQ=', secondaryKey: symmetricKey.secondaryKey };
    const error = await failureOf(registry.create({ deviceId: 'short', authentication: { symmetricKey: short } }));
    expect(error).toMatchObject({ name: 'ArgumentError' });
    expect(error.message).toContain('16 to 64 bytes');
  });

  test('an edge device gets its scope and its two system modules', async () => {
    const registry = hub.registry();
    const { responseBody } = await registry.create({ deviceId: 'edge1', capabilities: { iotEdge: true } });
    const device = responseBody as unknown as { deviceScope: string; generationId: string };
    expect(device.deviceScope).toBe(`ms-azure-iot-edge://edge1-${device.generationId}`);
    const { responseBody: modules } = await registry.getModulesOnDevice('edge1');
    expect(
      (modules as unknown as { moduleId: string; managedBy: string }[]).map((m) => [m.moduleId, m.managedBy]),
    ).toEqual([
      ['$edgeAgent', 'iotEdge'],
      ['$edgeHub', 'iotEdge'],
    ]);
    const error = await failureOf(registry.removeModule('edge1', '$edgeAgent'));
    expect(error.message).toContain('goes with device');
  });

  test('an etag that is not current is an InvalidEtagError and changes nothing', async () => {
    const registry = hub.registry();
    const { responseBody: made } = await registry.create({ deviceId: 'race' });
    const first = await hub.request({
      ...{
        method: 'PUT',
        path: '/devices/race',
        headers: { 'if-match': `"${(made as unknown as { etag: string }).etag}"` },
      },
      body: { deviceId: 'race', status: 'disabled' },
    });
    expect(first.status).toBe(200);
    const second = await hub.request({
      ...{
        method: 'PUT',
        path: '/devices/race',
        headers: { 'if-match': `"${(made as unknown as { etag: string }).etag}"` },
      },
      body: { deviceId: 'race', status: 'enabled' },
    });
    expect([second.status, second.headers.get('iothub-errorcode')]).toEqual([412, 'PreconditionFailed']);
    expect((await hub.platform.getDevice('race'))?.status).toBe('disabled');
  });
});

describe('modules', () => {
  test('add, get, update, remove', async () => {
    const registry = hub.registry();
    await registry.create({ deviceId: 'md' });
    const { responseBody: made } = await registry.addModule({ deviceId: 'md', moduleId: 'm1', managedBy: 'me' });
    expect(made).toMatchObject({ deviceId: 'md', moduleId: 'm1', managedBy: 'me', authentication: { type: 'sas' } });
    const { responseBody: read } = await registry.getModule('md', 'm1');
    expect(read).toEqual(made);
    const { responseBody: changed } = await registry.updateModule({ ...made, managedBy: 'you' } as never, true);
    expect(changed).toMatchObject({ managedBy: 'you' });
    expect((await failureOf(registry.addModule({ deviceId: 'md', moduleId: 'm1' }))).message).toContain(
      'exists already',
    );
    await registry.removeModule('md', 'm1');
    expect((await failureOf(registry.getModule('md', 'm1'))).message).toContain('Not found');
    expect(await failureOf(registry.getModulesOnDevice('nobody'))).toMatchObject({ name: 'DeviceNotFoundError' });
  });

  test('PUT answers 200 and takes an unquoted star and %24edgeAgent', async () => {
    const registry = hub.registry();
    await registry.create({ deviceId: 'star', capabilities: { iotEdge: true } });
    const answer = await hub.request({
      ...{
        method: 'PUT',
        path: '/devices/star/modules/%24edgeAgent?api-version=2017-11-08-preview',
        headers: { 'if-match': '*' },
      },
      body: { moduleId: '$edgeAgent', deviceId: 'star', managedBy: 'iotEdge' },
    });
    expect([answer.status, answer.json.moduleId]).toEqual([200, '$edgeAgent']);
    const made = await hub.request({
      ...{ method: 'PUT', path: '/devices/star/modules/mod' },
      body: { moduleId: 'mod', deviceId: 'star' },
    });
    expect(made.status).toBe(200);
    expect(made.headers.get('etag')).toBe(`"${made.json.etag}"`);
    const gone = await hub.request({
      method: 'DELETE',
      path: '/devices/star/modules/mod',
      headers: { 'if-match': '*' },
    });
    expect([gone.status, gone.text]).toEqual([204, '']);
  });

  test('a device holds fifty modules', async () => {
    const registry = hub.registry();
    await registry.create({ deviceId: 'full' });
    for (let n = 0; n < 50; n += 1) await hub.platform.registry.createModule('full', `m${n}`, {});
    const answer = await hub.request({ method: 'PUT', path: '/devices/full/modules/one-more', body: {} });
    expect([answer.status, answer.headers.get('iothub-errorcode')]).toEqual([403, 'TooManyModulesOnDevice']);
  });
});

describe('bulk', () => {
  test('adds, updates and removes many; names the ones that failed', async () => {
    const registry = hub.registry();
    const ids = Array.from({ length: 100 }, (_, n) => `bulk-${String(n).padStart(3, '0')}`);
    const { responseBody: added } = await registry.addDevices(
      ids.map((deviceId) => ({ deviceId, status: 'enabled' }) as never),
    );
    expect(added).toMatchObject({ isSuccessful: true, errors: [] });
    const { responseBody: updated } = await registry.updateDevices(
      [{ deviceId: 'bulk-000', status: 'disabled' } as never],
      true,
    );
    expect(updated).toMatchObject({ isSuccessful: true });
    expect((await hub.platform.getDevice('bulk-000'))?.status).toBe('disabled');
    const answer = await hub.request({
      ...{ method: 'POST', path: '/devices' },
      body: [
        { id: 'bulk-000', importMode: 'create' },
        { id: 'bulk-new', importMode: 'createOrUpdate', tags: { site: 's1' } },
        { id: 'bulk-001', importMode: 'fly' },
      ],
    });
    expect(answer.status).toBe(400);
    expect(answer.json.isSuccessful).toBe(false);
    expect(answer.json.errors).toEqual([
      expect.objectContaining({ deviceId: 'bulk-000', errorCode: 'DeviceAlreadyExists', operation: 'create' }),
      expect.objectContaining({ deviceId: 'bulk-001', errorCode: 'ArgumentInvalid', operation: 'fly' }),
    ]);
    expect((await hub.platform.getTwin('bulk-new'))?.tags).toEqual({ site: 's1' });
    const { responseBody: removed } = await registry.removeDevices(
      ids.map((deviceId) => ({ deviceId }) as never),
      true,
    );
    expect(removed).toMatchObject({ isSuccessful: true });
    expect(await hub.platform.getDevice('bulk-050')).toBeUndefined();
  });

  test('more than a hundred are refused', async () => {
    const body = Array.from({ length: 101 }, (_, n) => ({ id: `x${n}`, importMode: 'create' }));
    const answer = await hub.request({ method: 'POST', path: '/devices', body });
    expect(answer.status).toBe(400);
    expect(answer.json.Message).toMatch(/^ErrorCode:ArgumentInvalid;.*101 items/);
  });
});

describe('keys', () => {
  test('are renewed, swapped, and the failed ones named', async () => {
    await hub.registry().create({ deviceId: 'rk' });
    const before = await hub.platform.getDevice('rk');
    const renew = (policyKey: string, ids: string[]) =>
      hub.request({
        method: 'POST',
        path: '/devices/keys/regenerate',
        body: { policyKey, devices: ids.map((id) => ({ id })) },
      });
    const swapped = await renew('swap', ['rk']);
    expect(swapped.json.rotatedKeys).toEqual([
      { id: 'rk', moduleId: null, primaryKey: before?.secondaryKey, secondaryKey: before?.primaryKey },
    ]);
    const renewed = await renew('primary', ['rk', 'nobody']);
    expect(renewed.status).toBe(207);
    expect(renewed.json.errors).toEqual([expect.objectContaining({ id: 'nobody', errorCode: 'DeviceNotFound' })]);
    const after = await hub.platform.getDevice('rk');
    expect([before?.primaryKey, before?.secondaryKey]).not.toContain(after?.primaryKey);
    expect(after?.secondaryKey).toBe(before?.primaryKey);
    expect((await renew('neither', ['rk'])).status).toBe(400);
  });
});

describe('twins', () => {
  test('merge, replace, metadata and versions', async () => {
    const registry = hub.registry();
    await registry.create({ deviceId: 'tw' });
    const { responseBody: twin } = await registry.getTwin('tw');
    expect(twin).toMatchObject({ deviceId: 'tw', tags: {}, properties: { desired: { $version: 1 } } });
    await twin.update({ tags: { site: 'a' }, properties: { desired: { a: { b: 1, c: 2 }, list: [1, 2] } } });
    const merged = twin;
    expect(merged.properties.desired).toMatchObject({ a: { b: 1, c: 2 }, list: [1, 2], $version: 2 });
    expect(merged.properties.desired.$metadata.a.b.$lastUpdatedVersion).toBe(2);
    const { responseBody: again } = await registry.updateTwin(
      'tw',
      { properties: { desired: { a: { b: null }, list: [7] } } },
      '*',
    );
    expect(again.properties.desired).toMatchObject({ a: { c: 2 }, list: [7], $version: 3 });
    expect(again.properties.desired.a).not.toHaveProperty('b');
    expect(again.properties.desired.$metadata.a).not.toHaveProperty('b');
    expect(again.properties.desired.$metadata.a.c.$lastUpdatedVersion).toBe(2);
    expect((await hub.platform.getTwin('tw'))?.version).toBe(3);

    const replaced = await hub.request({
      ...{ method: 'PUT', path: '/twins/tw' },
      body: {
        ...again,
        tags: { region: 'x' },
        properties: { desired: { only: true, $version: 99, $metadata: {} }, reported: { lie: 1 } },
      },
    });
    expect(replaced.json).toMatchObject({
      tags: { region: 'x' },
      properties: { desired: { only: true, $version: 4 } },
    });
    expect(replaced.json.properties).not.toHaveProperty('desired.list');
    expect(replaced.json.properties).not.toHaveProperty('reported.lie');
  });

  test('of twenty writers with one etag exactly one wins', async () => {
    const registry = hub.registry();
    await registry.create({ deviceId: 'etag' });
    const { responseBody: twin } = await registry.getTwin('etag');
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) =>
        registry.updateTwin('etag', { properties: { desired: { winner: n } } }, twin.etag),
      ),
    );
    const failures = results.filter((result) => result.status === 'rejected').map((result) => result.reason.name);
    expect(failures).toEqual(Array.from({ length: 19 }, () => 'InvalidEtagError'));
    expect((await hub.platform.getTwin('etag'))?.desiredVersion).toBe(2);
  });

  test('limits are named: size, depth, key, number', async () => {
    await hub.registry().create({ deviceId: 'limits' });
    const patch = (desired: unknown) =>
      hub.request({ method: 'PATCH', path: '/twins/limits', body: { properties: { desired } } });
    const big = Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`k${n}`, 'x'.repeat(4000)]));
    const size = await patch(big);
    expect([size.status, size.headers.get('iothub-errorcode')]).toEqual([413, 'RequestTooLarge']);
    expect(size.json.Message).toContain('at most 32768');
    let deep: unknown = 1;
    for (let n = 0; n < 12; n += 1) deep = { n: deep };
    expect((await patch(deep)).status).toBe(400);
    const key = await patch({ 'a.b': 1 });
    expect([key.status, key.json.Message]).toEqual([400, expect.stringContaining('a.b')]);
    expect((await patch({ n: 4503599627370496 })).status).toBe(400);
    expect((await hub.platform.getTwin('limits'))?.desiredVersion).toBe(1);
    const tags = await hub.request({
      method: 'PATCH',
      path: '/twins/limits',
      body: { tags: Object.fromEntries(Object.entries(big).slice(0, 3)) },
    });
    expect([tags.status, tags.json.Message]).toEqual([413, expect.stringContaining('at most 8192')]);
  });

  test('module twins have no tags; __proto__ is a key like any other', async () => {
    await hub.registry().create({ deviceId: 'mt' });
    await hub.platform.registry.createModule('mt', 'm', {});
    const ok = await hub.request({
      method: 'PATCH',
      path: '/twins/mt/modules/m',
      body: { properties: { desired: { a: 1 } } },
    });
    expect(ok.json).toMatchObject({ deviceId: 'mt', moduleId: 'm', properties: { desired: { a: 1 } } });
    expect(ok.json).not.toHaveProperty('tags');
    expect((await hub.request({ method: 'PATCH', path: '/twins/mt/modules/m', body: { tags: { a: 1 } } })).status).toBe(
      400,
    );
    const evil = await hub.request({
      ...{
        method: 'PATCH',
        path: '/twins/mt/modules/m',
        body: '{"properties":{"desired":{"__proto__":{"polluted":true}}}}',
      },
    });
    expect(evil.status).toBe(200);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(evil.text).toContain('"__proto__":{"polluted":true}');
    expect((await hub.request({ path: '/twins/mt/modules/none' })).headers.get('iothub-errorcode')).toBe(
      'ModuleNotFound',
    );
  });
});

describe('queries', () => {
  test('pages through all, filters, projects, counts', async () => {
    const registry = hub.registry();
    for (let n = 0; n < 25; n += 1) {
      const deviceId = `q-${String(n).padStart(2, '0')}`;
      await hub.platform.registry.createDevice(deviceId, { iotEdge: n === 0 });
      await hub.platform.patchTwin(deviceId, undefined, { tags: { fleet: 'q', n, odd: n % 2 === 1 } });
    }
    const query = registry.createQuery("SELECT * FROM devices WHERE tags.fleet = 'q'", 10);
    const seen: string[] = [];
    const pages: number[] = [];
    while (query.hasMoreResults) {
      const { result } = await query.nextAsTwin();
      pages.push(result.length);
      seen.push(...result.map((twin) => twin.deviceId));
    }
    expect(pages).toEqual([10, 10, 5]);
    expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => `q-${String(n).padStart(2, '0')}`));
    const ask = async (text: string) =>
      (await hub.request({ method: 'POST', path: '/devices/query', body: { query: text } })).json;
    const where = (text: string) => ask(`select deviceId from devices where tags.fleet = 'q' and (${text})`);
    expect(await where('tags.n >= 23 or tags.n < 1')).toEqual([
      { deviceId: 'q-00' },
      { deviceId: 'q-23' },
      { deviceId: 'q-24' },
    ]);
    expect(await where('not tags.odd = true and tags.n > 21')).toEqual([{ deviceId: 'q-22' }, { deviceId: 'q-24' }]);
    expect(await where("deviceId in ['q-03', 'q-04']")).toEqual([{ deviceId: 'q-03' }, { deviceId: 'q-04' }]);
    expect(await where('capabilities.iotEdge = true')).toEqual([{ deviceId: 'q-00' }]);
    expect(await where('tags.missing != 1')).toEqual([]);
    expect(await ask("select count() as total from devices where tags.fleet = 'q'")).toEqual([{ total: 25 }]);
    expect(await ask("select top 2 deviceId as id from devices where tags.fleet = 'q'")).toEqual([
      { id: 'q-00' },
      { id: 'q-01' },
    ]);
    expect(await ask("select moduleId from devices.modules where deviceId = 'q-00'")).toEqual([
      { moduleId: '$edgeAgent' },
      { moduleId: '$edgeHub' },
    ]);
    expect(await ask('select nothing from devices where')).toMatchObject({
      Message: expect.stringMatching(/^ErrorCode:ArgumentInvalid;Cannot read the query at position/),
    });
    expect(await ask('select stdev(tags.n) from devices')).toMatchObject({
      Message: expect.stringContaining('STDEV is not served'),
    });
    const sites =
      'select tags.odd as odd, count() as n from devices where tags.fleet = "q" group by tags.odd order by odd';
    expect((await ask(sites)) as unknown).toEqual([
      { odd: false, n: expect.any(Number) },
      { odd: true, n: expect.any(Number) },
    ]);
  });
});

describe('deployment', () => {
  test('applyConfigurationContentOnDevice makes modules and twins, again changes nothing, another manifest removes', async () => {
    const registry = hub.registry();
    await registry.create({ deviceId: 'dep', capabilities: { iotEdge: true } });
    const content = manifest();
    const actors: string[] = [];
    const unsubscribe = hub.platform.on('desired', ({ by }) => actors.push(by));
    await registry.applyConfigurationContentOnDevice('dep', content as never);
    unsubscribe();
    expect(new Set(actors)).toEqual(new Set(['policy:iothubowner']));
    expect((await hub.platform.listModules('dep')).map((m) => [m.moduleId, m.managedBy])).toEqual([
      ['$edgeAgent', 'iotEdge'],
      ['$edgeHub', 'iotEdge'],
      ['MCC', 'iotEdge'],
    ]);
    const agent = await hub.platform.getTwin('dep', '$edgeAgent');
    expect(agent?.desired).toEqual(content.modulesContent.$edgeAgent?.['properties.desired']);
    expect(agent?.desiredVersion).toBe(2);
    await registry.applyConfigurationContentOnDevice('dep', content as never);
    expect((await hub.platform.getTwin('dep', '$edgeAgent'))?.desiredVersion).toBe(2);
    expect(await hub.platform.getContent('dep')).toEqual(content.modulesContent);

    await hub.platform.registry.createModule('dep', 'handmade', {});
    delete content.modulesContent.MCC;
    const desired = content.modulesContent.$edgeAgent?.['properties.desired'] as { modules: Record<string, unknown> };
    desired.modules = {};
    const routes = content.modulesContent.$edgeHub?.['properties.desired'] as { routes: Record<string, unknown> };
    routes.routes = {};
    await registry.applyConfigurationContentOnDevice('dep', content as never);
    expect((await hub.platform.listModules('dep')).map((m) => m.moduleId)).toEqual([
      '$edgeAgent',
      '$edgeHub',
      'handmade',
    ]);
  });

  test('a faulty manifest is refused with its problems, and nothing changes', async () => {
    const registry = hub.registry();
    await registry.create({ deviceId: 'dep2', capabilities: { iotEdge: true } });
    const content = manifest();
    const agent = content.modulesContent.$edgeAgent?.['properties.desired'] as {
      modules: { MCC: Record<string, unknown> };
    };
    agent.modules.MCC.restartPolicy = 'sometimes';
    agent.modules.MCC.status = 'flying';
    const error = await failureOf(registry.applyConfigurationContentOnDevice('dep2', content as never));
    expect(error).toMatchObject({ name: 'ArgumentError' });
    expect(error.message).toContain('restartPolicy');
    expect(error.message).toContain('status');
    expect((await hub.platform.listModules('dep2')).map((m) => m.moduleId)).toEqual(['$edgeAgent', '$edgeHub']);
    expect((await hub.platform.getTwin('dep2', '$edgeAgent'))?.desiredVersion).toBe(1);
    await registry.create({ deviceId: 'leaf' });
    expect(
      (await failureOf(registry.applyConfigurationContentOnDevice('leaf', manifest() as never))).message,
    ).toContain('iotEdge');
  });
});

describe('the rest', () => {
  test('statistics', async () => {
    const registry = hub.registry();
    const before = (await registry.getRegistryStatistics()).responseBody as {
      totalDeviceCount: number;
      disabledDeviceCount: number;
    };
    await hub.platform.registry.createDevice('stat', { status: 'disabled' });
    const after = (await registry.getRegistryStatistics()).responseBody as {
      totalDeviceCount: number;
      disabledDeviceCount: number;
    };
    expect(after.totalDeviceCount - before.totalDeviceCount).toBe(1);
    expect(after.disabledDeviceCount - before.disabledDeviceCount).toBe(1);
    expect((await hub.request({ path: '/statistics/service' })).json).toEqual({ connectedDeviceCount: 0 });
  });

  test('what is not served says so; other paths pass on', async () => {
    const answer = await hub.request({ path: '/digitaltwins/x' });
    expect([answer.status, answer.headers.get('iothub-errorcode')]).toEqual([501, 'NotImplemented']);
    expect(answer.json.Message).toBe('ErrorCode:NotImplemented;This hub does not serve GET /digitaltwins/x');
    expect((await hub.request({ path: '/api/v1/healthz' })).status).toBe(418);
  });

  test('bodies and parameters that cannot be read', async () => {
    const ask = async (path: string, body?: unknown, method = 'PUT') => {
      const { status, json } = await hub.request({ method, path, body });
      return [status, String(json.Message)];
    };
    expect(await ask('/devices/x', '{')).toEqual([400, expect.stringContaining('it is no JSON')]);
    expect(await ask('/devices/x', '[]')).toEqual([
      400,
      expect.stringContaining('it is an array, wanted a JSON object'),
    ]);
    expect(await ask('/devices/x', { deviceId: 'y' })).toEqual([400, expect.stringContaining('the body names "y"')]);
    expect(await ask('/devices/%E0%A4%A', {})).toEqual([400, expect.any(String)]);
    expect(await ask('/devices/a%2Fb', {})).toEqual([400, expect.stringContaining('a/b')]);
    expect(await ask(`/devices/${'x'.repeat(129)}`, {})).toEqual([400, expect.stringContaining('129 characters')]);
    expect(await ask('/devices/x', ' '.repeat(1024 * 1024 + 1))).toEqual([
      413,
      expect.stringContaining('at most 1048576'),
    ]);
    const deep = (text: string) => text.replace('DEEP', '['.repeat(200_000) + ']'.repeat(200_000));
    for (const [path, body] of [
      ['/twins/limits', '{"properties":{"desired":{"a":DEEP}}}'],
      ['/devices/edge1/applyConfigurationContent', '{"modulesContent":{"$edgeAgent":DEEP}}'],
      ['/twins/limits/methods', '{"methodName":"m","payload":DEEP}'],
      ['/devices', '[{"id":"x","tags":{"a":DEEP}}]'],
    ] as const) {
      const method = body.startsWith('{"prop') ? 'PATCH' : 'POST';
      expect(await ask(path, deep(body), method)).toEqual([400, expect.stringContaining('deeper than 64 levels')]);
    }
    expect(await ask('/devices?top=5000', undefined, 'GET')).toEqual([400, expect.stringContaining('from 1 to 1000')]);
    expect(await ask('/devices/nobody', undefined, 'DELETE')).toEqual([400, expect.stringContaining('If-Match')]);
    expect(await ask('/devices/x?api-version=latest', undefined, 'GET')).toEqual([
      400,
      expect.stringContaining('api-version'),
    ]);
  });
});
