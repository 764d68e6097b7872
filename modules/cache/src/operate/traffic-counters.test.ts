import { describe, expect, test } from '@jest/globals';
import { contentClassOf } from './content-class.ts';
import { Histogram } from './histogram.ts';
import { addSnapshots, byContentClass, TrafficCounters } from './traffic-counters.ts';

describe('contentClassOf()', () => {
  test.each([
    ['dl.delivery.mp.microsoft.com', 'built-in', 'windowsUpdate'],
    ['tlu.dl.delivery.mp.microsoft.com', 'built-in', 'windowsUpdate'],
    ['msedge.b.delivery.mp.microsoft.com', 'built-in', 'edge'],
    ['officecdn.microsoft.com', 'built-in', 'office'],
    ['x.cdn.office.net', 'built-in', 'office'],
    ['1.statics.teams.cdn.office.net', 'built-in', 'teams'],
    ['a.res.cdn.office.net', 'built-in', 'outlook'],
    ['x.swda01.manage.microsoft.com', 'built-in', 'intune'],
    ['assets1.xboxlive.com', 'built-in', 'xbox'],
    ['tlu.dl.adu.microsoft.com:8080', 'built-in', 'deviceUpdate'],
    ['packages.example', 'mine', 'custom'],
    ['default', 'default', 'other'],
    ['unknown.example', 'built-in', 'other'],
    // The operator's own entry for a known host does not change what it serves.
    ['dl.delivery.mp.microsoft.com', 'quickstart', 'windowsUpdate'],
  ])('%s of %s is %s', (host, id, contentClass) => expect(contentClassOf(host, id)).toBe(contentClass));
});

test('Histogram: bounds are inclusive, what is above the last has its own place', () => {
  const histogram = new Histogram([1, 10]);
  for (const ms of [0, 1, 1.5, 10, 10.1, 99]) histogram.observe(ms);
  expect(histogram.snapshot()).toEqual({ counts: [2, 2, 2], sumMs: 121.6 });
});

describe('TrafficCounters', () => {
  test('entries of one canonical host share their counters', () => {
    const counters = new TrafficCounters();
    const [one, two] = [
      { id: 'a', canonical: 'x.example' },
      { id: 'b', canonical: 'x.example' },
    ];
    counters.addResult(one, 'HIT');
    counters.addResult(two, 'BYPASS');
    counters.addBytes(two, 1, 2);
    expect(counters.snapshot().byOrigin).toEqual({
      'x.example': { host: 'x.example', contentClass: 'custom', hits: 1, misses: 1, hitBytes: 1, missBytes: 2 },
    });
  });

  test('origins beyond the limit are counted together, those known go on', () => {
    const counters = new TrafficCounters();
    for (let i = 0; i < 600; i += 1) counters.addBytes({ id: 'a', canonical: `${i}.example` }, 1, 0);
    counters.addBytes({ id: 'a', canonical: '3.example' }, 1, 0);
    const { byOrigin, hitBytes } = counters.snapshot();
    expect([Object.keys(byOrigin).length, byOrigin['(other)']?.hitBytes, byOrigin['3.example']?.hitBytes]).toEqual([
      501, 100, 2,
    ]);
    expect(hitBytes).toBe(601);
  });

  test('addSnapshots(): everything of two threads is added, origins by name', () => {
    const [a, b] = [new TrafficCounters(), new TrafficCounters()];
    for (const counters of [a, b]) {
      counters.requests += 2;
      counters.overloads.egress += 1;
      counters.addResult({ id: 'm', canonical: 'both.example' }, 'HIT');
      counters.addBytes({ id: 'm', canonical: 'both.example' }, 10, 1);
      counters.hitTtfb.observe(3);
    }
    b.addBytes({ id: 'built-in', canonical: 'assets1.xboxlive.com' }, 0, 7);
    const sum = addSnapshots(a.snapshot(), b.snapshot());
    expect(sum).toMatchObject({ requests: 4, hitBytes: 20, missBytes: 9, overloads: { egress: 2 } });
    expect(sum.results.HIT).toBe(2);
    expect(sum.ttfb.hit.sumMs).toBe(6);
    expect([...byContentClass(sum.byOrigin)]).toEqual([
      ['xbox', { hitBytes: 0, missBytes: 7, hits: 0, misses: 0 }],
      ['custom', { hitBytes: 20, missBytes: 2, hits: 2, misses: 0 }],
    ]);
  });
});
