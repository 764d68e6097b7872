import { expect, test } from '@jest/globals';
import { bgpFields, parseNeighbor } from './bgp-fields.ts';

test('parseNeighbor() reads an address and an ASN, and tells the wanted form of anything else', () => {
  expect(parseNeighbor('2001:db8::1, 64510')).toEqual({ neighborAddress: '2001:db8::1', neighborAsn: 64510 });
  for (const text of ['', '192.0.2.1', '192.0.2.1,AS1', ',1', '192.0.2.1,1,2']) {
    expect(() => parseNeighbor(text)).toThrow('wanted an address, a comma and an ASN');
  }
});

test('bgpFields() is nothing without an option, and keeps what is not named', async () => {
  expect(await bgpFields({}, { sessions: [] })).toEqual({});
  const sessions = [{ neighborAddress: '192.0.2.1', neighborAsn: 1, maxPrefixes: 7 }];
  expect(await bgpFields({ bgpAsn: 5 }, { holdSecs: 60, sessions })).toEqual({
    bgp: { holdSecs: 60, localAsn: 5, sessions },
  });
  const named = { bgpNeighbor: [{ neighborAddress: '192.0.2.1', neighborAsn: 2 }] };
  expect(await bgpFields(named, { sessions })).toEqual({ bgp: { sessions: [{ ...sessions[0], neighborAsn: 2 }] } });
});
