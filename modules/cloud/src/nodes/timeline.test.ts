import { describe, expect, test } from '@jest/globals';
import { createBench } from '../../test/node-bench.ts';
import { EVENTS_PER_NODE_MAX, type TimelineEvent } from './timeline.ts';

describe('Timeline', () => {
  test('lists the newest without a place, and what follows a place in order', async () => {
    const { timeline, aNode } = await createBench();
    await aNode();
    for (const text of ['a', 'b', 'c'])
      await timeline.record({ nodeName: 'edge1', kind: 'module', subject: 'MCC', text });
    const newest = await timeline.list('edge1', { limit: 2 });
    expect(newest.map((event) => event.text)).toEqual(['b', 'c']);
    const after = await timeline.list('edge1', { after: newest[0]!.seq, limit: 10 });
    expect(after.map((event) => event.text)).toEqual(['c']);
  });

  test('tells listeners after the event is written, with its seq', async () => {
    const { timeline, aNode } = await createBench();
    await aNode();
    const heard: TimelineEvent[] = [];
    const end = timeline.subscribe((event) => heard.push(event));
    await timeline.record({ nodeName: 'edge1', kind: 'probe', subject: '', text: 'x', atMs: 5 });
    end();
    await timeline.record({ nodeName: 'edge1', kind: 'probe', subject: '', text: 'y' });
    expect(heard).toEqual(await timeline.list('edge1', { limit: 2 }).then((events) => events.slice(0, 1)));
  });

  test('an event of a node that is not there is dropped', async () => {
    const { timeline } = await createBench();
    await timeline.record({ nodeName: 'gone', kind: 'node', subject: '', text: 'x' });
    expect(await timeline.listAll({ after: 0, limit: 10 })).toEqual([]);
  });

  test('keeps a bounded number of events', async () => {
    const { timeline, aNode, db } = await createBench();
    await aNode();
    const row = { node_name: 'edge1', at_ms: 0, kind: 'module', subject: '', text: '', details: '{}' };
    for (let chunk = 0; chunk < 11; chunk += 1)
      await db.insertInto('node_event').values(Array(500).fill(row)).execute();
    for (let n = 0; n < 100; n += 1)
      await timeline.record({ nodeName: 'edge1', kind: 'node', subject: '', text: `${n}` });
    const { count } = await db
      .selectFrom('node_event')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .executeTakeFirstOrThrow();
    expect(count).toBe(EVENTS_PER_NODE_MAX + 1);
  });
});
