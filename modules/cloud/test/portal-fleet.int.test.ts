// The list of many nodes: order, search, query and pages by the API and on the page, and the views that a user keeps.

import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { CloudUnderTest } from './cloud-under-test.ts';
import { PortalVisitor, type Shown, visitorWithRole } from './portal-visitor.ts';

jest.setTimeout(240_000);

const NODES = 120;
const EVIL = '"><script>globalThis.hacked=1</script>';

const cloud = new CloudUnderTest();
let admin: PortalVisitor;
const nameOf = (index: number) => `node-${String(index).padStart(3, '0')}`;

beforeAll(async () => {
  await cloud.start();
  await cloud.login();
  admin = new PortalVisitor(cloud, cloud.token);
  for (let index = 0; index < NODES; index += 1) {
    // Names and addresses run in opposite directions.
    const json = { name: nameOf(index), ipAddress: `192.0.2.${200 - index}`, cidrs: [`45.${index}.0.0/16`] };
    const made = await cloud.call('POST', '/nodes', { json: { ...json, maxEgressMbps: 1000 + (index % 7) } });
    expect(made.status).toBe(201);
  }
}, 240_000);
afterAll(() => cloud.close(), 60_000);

const list = async (query: string) => {
  const { body } = await cloud.call('GET', `/nodes?${query}`);
  return { ...body, names: body.nodes.map(({ name }: { name: string }) => name) };
};
const rowsOf = ({ body }: Shown) => [...body.matchAll(/id="node-(node-[0-9]+)"/g)].map(([, name]) => name);

describe('GET /nodes', () => {
  test('pages in any order, with counts by state', async () => {
    const first = await list('order=address&limit=3&counts=true');
    expect(first.names).toEqual([nameOf(119), nameOf(118), nameOf(117)]);
    expect(first.next).toBeNull();
    expect(Object.values(first.counts as { [state: string]: number }).reduce((a, b) => a + b)).toBe(NODES);
    expect((await list('order=address&limit=3&offset=117')).names).toEqual([nameOf(2), nameOf(1), nameOf(0)]);
    expect((await list('order=-maxEgress&limit=2')).names).toEqual([nameOf(118), nameOf(111)]);
    expect(first.nodes[0]).toMatchObject({ egressMbps: null, hitRatio: null });
  });

  test('an address is found in the prefixes that hold it; a condition is asked of each node', async () => {
    expect((await list('q=45.77.3.4')).names).toEqual([nameOf(77)]);
    const where = encodeURIComponent("maxEgressMbps >= 1006 AND name < 'node-020'");
    expect((await list(`where=${where}`)).names).toEqual([nameOf(6), nameOf(13)]);
    const refused = await cloud.call('GET', '/nodes?where=name%20%3D');
    expect([refused.status, refused.body.error.code]).toEqual([400, 'CLOUD_QUERY_INVALID']);
    expect((await cloud.call('GET', '/nodes?order=secret')).status).toBe(400);
  });

  test('nobody counts what is beyond the scope', async () => {
    const user = {
      username: 'few',
      role: 'viewer',
      scope: { prefixes: ['node-00'] },
      password: 'a long enough password',
    };
    const few = await visitorWithRole(cloud, user);
    const shown = await few.visit('/portal/nodes?where=maxEgressMbps%20%3E%200');
    expect(rowsOf(shown)).toHaveLength(10);
    expect(shown.body).toContain('10 cache nodes');
  });
});

describe('the fleet page', () => {
  test('shows a page, goes on, and stays on the last one', async () => {
    const first = await admin.visit('/portal/nodes');
    expect(rowsOf(first)).toHaveLength(50);
    expect(first.body).toContain('120 cache nodes, 1 to 50 shown');
    expect(rowsOf(await admin.visit('/portal/nodes?page=3'))).toHaveLength(20);
    const behind = await admin.visit('/portal/nodes?page=99');
    expect(behind.body).toContain('Page 3 of 3');
    expect(rowsOf(behind)).toHaveLength(20);
    expect(rowsOf(await admin.visit('/portal/nodes?sort=-address'))[0]).toBe(nameOf(0));
  });

  test('the CSV holds them all', async () => {
    const { body } = await admin.visit('/portal/nodes?csv=nodes');
    expect(body.trimEnd().split('\r\n')).toHaveLength(NODES + 1);
  });

  test('a wrong query is told, what was typed stays, and is only text', async () => {
    const wrong = await admin.visit(`/portal/nodes?where=${encodeURIComponent(EVIL)}`);
    expect(wrong.status).toBe(200);
    expect(wrong.body).toContain('id="where-problem"');
    expect(wrong.body).not.toContain('<script>globalThis');
  });
});

describe('saved views', () => {
  test('are kept by user, replaced by name, listed and deleted', async () => {
    const query = { q: '', state: '', where: 'maxEgressMbps = 1003', sort: '-name' };
    const saved = await admin.send('/portal/views', { ...query, name: EVIL.replace('/', '') });
    expect(saved.location).toContain('done=view-saved');
    const shown = await admin.visit(saved.location.replace('&done=view-saved', ''));
    expect(shown.body).toContain('Saved views');
    expect(shown.body).toContain('Delete this view');
    expect(shown.body).not.toContain('<script>globalThis');
    const views = (await cloud.call('GET', '/me/views')).body.views;
    expect(views).toMatchObject([{ where: 'maxEgressMbps = 1003', order: '-name', q: '', state: '' }]);
    const other = await visitorWithRole(cloud, {
      username: 'vera',
      role: 'viewer',
      password: 'a long enough password',
    });
    expect((await other.visit('/portal/nodes')).body).not.toContain('Saved views');
    const gone = await admin.send('/portal/views/delete', { ...query, name: EVIL.replace('/', '') });
    expect(gone.location).toContain('done=view-deleted');
    expect((await cloud.call('GET', '/me/views')).body.views).toEqual([]);
  });

  test('have a name, an order that there is, and a limit', async () => {
    const put = (name: string, json: object) => cloud.call('PUT', `/me/views/${encodeURIComponent(name)}`, { json });
    expect((await put(' x', {})).body.error.problems[0].path).toBe('name');
    expect((await put('x', { order: 'size' })).status).toBe(400);
    for (let index = 0; index < 50; index += 1) expect((await put(`view ${index}`, { q: 'a' })).status).toBe(200);
    expect((await put('one more', {})).body.error.code).toBe('CLOUD_VIEW_LIMIT');
    expect((await put('view 7', { q: 'b' })).status).toBe(200);
    expect((await cloud.call('DELETE', '/me/views/nothing')).body.error.code).toBe('CLOUD_VIEW_NOT_FOUND');
  });
});
