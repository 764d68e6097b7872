import { describe, expect, test } from '@jest/globals';
import { writeBirdConfig } from './bird-config.ts';
import { parseDesired } from './desired.ts';

function written(document: object): string {
  const { settings, problems } = parseDesired({ localAsn: 64_510, routerId: '192.0.2.2', ...document });
  expect(problems).toEqual([]);
  return writeBirdConfig(settings, { port: 179 });
}

const R1 = { neighborAddress: '192.0.2.1', neighborAsn: 64_500 };

describe('writeBirdConfig()', () => {
  test('a session is passive, exports nothing, has its limits and its filter; no route goes to the kernel', () => {
    const text = written({ sessions: { r1: R1 } });
    for (const line of [
      'router id 192.0.2.2;',
      'local port 179 as 64510;',
      'neighbor 192.0.2.1 as 64500;',
      'passive on;',
      'export none;',
      'import limit 200000 action disable;',
      'receive limit 400000 action disable;',
      'if net.len < 8 || net.len > 27 then reject;',
      'if bgp_path.len > 64 then reject;',
    ]) {
      expect(text).toContain(line);
    }
    expect(text).toContain('10.0.0.0/8+');
    expect(text).not.toMatch(/protocol kernel|password|multihop|ttl security/);
  });

  test('what is wished besides', () => {
    const session = {
      ...R1,
      localAddress: '192.0.2.2',
      password: 'a key',
      multihop: 3,
      ttlSecurity: true,
      holdTimeSecs: 30,
    };
    const text = written({ sessions: { r1: { ...session, import: { acceptBogons: true } } } });
    for (const line of [
      'local 192.0.2.2 port 179 as 64510;',
      'password "a key";',
      'multihop 3;',
      'ttl security on;',
      'hold time 30;',
    ]) {
      expect(text).toContain(line);
    }
    expect(text).not.toContain('10.0.0.0/8+');
  });

  test('IPv6: only global unicast, no documentation', () => {
    const text = written({ sessions: { r6: { neighborAddress: '2001:db8::1', neighborAsn: 64_500 } } });
    expect(text).toContain('ipv6 table r_r6;');
    expect(text).toContain('if !(net ~ [ 2000::/3+ ]) then reject;');
    expect(text).toContain('2001:db8::/32+');
    expect(text).toContain('if net.len < 16 || net.len > 56 then reject;');
  });

  test('the text of a session does not depend on the others', () => {
    const r2 = { neighborAddress: '192.0.2.5', neighborAsn: 64_501 };
    const alone = written({ sessions: { r1: R1 } });
    const both = written({ sessions: { r2, r1: R1 } });
    expect(both).toContain(alone.slice(alone.indexOf('ipv4 table r_r1'), alone.lastIndexOf('}')));
  });
});
