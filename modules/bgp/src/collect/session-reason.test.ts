import { expect, test } from '@jest/globals';
import type { ProtocolStatus } from '../engine/protocol-status.ts';
import { parseSignatureFailures } from '../engine/signature-failures.ts';
import { healthProblem } from '../operate/health-server.ts';
import type { SessionSettings } from '../settings/desired.ts';
import { parseDesired } from '../settings/desired.ts';
import { reasonOf } from './session-reason.ts';

const session = parseDesired({
  localAsn: 64_510,
  routerId: '192.0.2.2',
  sessions: { r1: { neighborAddress: '192.0.2.1', neighborAsn: 64_500, password: 'k' } },
}).settings.sessions[0] as SessionSettings;

const status = (bgpState: string, lastError = ''): ProtocolStatus => ({
  ...{ name: 's_r1', state: 'start', since: '', imported: 0, filtered: 0, activity: '' },
  ...{ bgpState, lastError },
});

test.each([
  [undefined, false, 'Disabled', 'BGP_ENGINE_FAILED'],
  [status('Established'), true, 'Established', null],
  [status('Passive'), false, 'Active', 'BGP_SESSION_DOWN'],
  [status('Passive', 'Socket: Connection closed'), false, 'Active', 'BGP_SESSION_DOWN'],
  [status('Passive'), true, 'Active', 'BGP_PASSWORD_WRONG'],
  [status('Passive', 'BGP Error: Bad peer AS'), true, 'Active', 'BGP_NEIGHBOR_ASN_WRONG'],
  [status('Idle', 'Received: Bad peer AS'), false, 'Idle', 'BGP_NEIGHBOR_ASN_WRONG'],
  [status('Down', 'Automatic shutdown: Route limit exceeded'), false, 'Disabled', 'BGP_PREFIX_LIMIT_REACHED'],
  [status('OpenSent'), false, 'OpenSent', 'BGP_SESSION_DOWN'],
  [status('Something new'), false, 'Idle', 'BGP_SESSION_DOWN'],
] as const)('%j, bad signatures %s: %s, %s', (seen, hasBadSignatures, state, code) => {
  const reason = reasonOf(session, seen, hasBadSignatures);
  expect(reason).toMatchObject({ state, code });
  expect(reason.text === '').toBe(code === null);
});

test('the counters of wrong signatures are summed; a kernel without them says nothing', () => {
  const text = 'TcpExt: A TCPMD5NotFound TCPMD5Unexpected TCPMD5Failure B\nTcpExt: 9 1 2 4 9\nIpExt: X\nIpExt: 3\n';
  expect(parseSignatureFailures(text)).toBe(7);
  expect(parseSignatureFailures('TcpExt: A\nTcpExt: 1\n')).toBeNull();
});

test.each([
  [{ isConfigured: false, isEngineRunning: false, silentMs: null }, null],
  [{ isConfigured: true, isEngineRunning: true, silentMs: null }, null],
  [{ isConfigured: true, isEngineRunning: true, silentMs: 59_000 }, null],
  [{ isConfigured: true, isEngineRunning: true, silentMs: 61_000 }, 'BIRD has not answered for 61 s'],
  [{ isConfigured: true, isEngineRunning: false, silentMs: 10 }, 'BIRD is not running'],
])('health of %j: %s', (facts, problem) => {
  expect(healthProblem(facts)).toBe(problem);
});
