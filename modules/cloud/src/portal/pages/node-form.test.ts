import { describe, expect, test } from '@jest/globals';
import type { NodeAnswer } from '../../nodes/node-record.ts';
import { addRow, newNodeValues, nodeValues, sentValues, toBody } from './node-form.ts';

const session = { id: 'n1', neighborAddress: '192.0.2.1', neighborAsn: 64500, multihop: 2, hasPassword: true };
const node = {
  name: 'edge1',
  ipAddress: '203.0.113.5',
  httpPort: 80,
  maxEgressMbps: 10_000,
  drives: [{ path: '/datadrive/', sizeGb: 500 }],
  isEnabled: true,
  prefixSource: 'bgp',
  cidrs: ['2.21.234.0/24', '3.22.235.0/24'],
  asn: null,
  proxy: null,
  updateRing: { ring: 'slow', week: 4, weekday: 1, from: '23:00', to: '01:00', timeZone: 'Europe/Zurich' },
  bgp: { localAsn: 64501, holdSecs: 600, sessions: [session] },
} as unknown as NodeAnswer;

describe('toBody()', () => {
  test('a form that was not touched changes nothing, and keeps what it does not show', () => {
    const { name: _name, ...fields } = node;
    expect(toBody(nodeValues(node), node)).toEqual({ ...fields, cidrs: '2.21.234.0/24,3.22.235.0/24' });
  });

  test('a new node has its name; empty rows are no drives and no neighbours', () => {
    const values = newNodeValues();
    values.set('name', ' edge2 ');
    addRow(values, 'drive');
    expect(toBody(values)).toMatchObject({
      name: 'edge2',
      ipAddress: null,
      isEnabled: true,
      drives: [{ path: '/datadrive/', sizeGb: 100 }],
    });
    expect(toBody(values)).not.toHaveProperty('bgp');
  });

  test.each([
    ['account', null],
    ['fast', { ring: 'fast' }],
    ['slow', { ring: 'slow', week: 2, weekday: 3, from: '02:00', to: '04:00', timeZone: 'UTC' }],
  ])('the ring %s', (chosen, updateRing) => {
    const values = newNodeValues();
    values.set('updateRing', chosen);
    expect(toBody(values)).toMatchObject({ updateRing });
    values.delete('updateRing');
    expect(toBody(values)).not.toHaveProperty('updateRing');
  });

  test('numbers may be grouped; what is none travels as it was typed', () => {
    const values = newNodeValues();
    values.set('maxEgressMbps', '10 000');
    values.set('httpPort', '80a');
    values.set('drives[0].sizeGb', 'much');
    expect(toBody(values)).toMatchObject({
      maxEgressMbps: 10_000,
      httpPort: '80a',
      drives: [{ path: '/datadrive/', sizeGb: 'much' }],
    });
  });

  test.each([
    ['2.21.234.0/24, 3.22.235.0/24', '2.21.234.0/24,3.22.235.0/24'],
    ['2.21.234.0/24\r\n3.22.235.0/24\n', '2.21.234.0/24,3.22.235.0/24'],
    ['  ', ''],
  ])('address ranges may stand in lines: %j', (typed, sent) => {
    const values = newNodeValues();
    values.set('cidrs', typed);
    expect(toBody(values).cidrs).toBe(sent);
  });

  test('a password is sent when one was typed, and only then', () => {
    const values = nodeValues(node);
    expect(JSON.stringify(toBody(values, node))).not.toContain('"password"');
    values.set('bgp.sessions[0].password', 'secret');
    expect(toBody(values, node)).toMatchObject({ bgp: { sessions: [{ id: 'n1', multihop: 2, password: 'secret' }] } });
  });
});

test('a box that is not ticked is false', () => {
  expect(sentValues(new URLSearchParams('name=a')).get('isEnabled')).toBe('false');
});
