// Why a session is not up, in the operator's words, and the code of the issue. Pure.

import type { BgpSessionState } from '@wayside/protocol';
import type { ProtocolStatus } from '../engine/protocol-status.ts';
import type { SessionSettings } from '../settings/desired.ts';
import { isLimitHit } from './session-life.ts';

export interface SessionReason {
  state: BgpSessionState;
  /** '' when established. */
  text: string;
  /** null when established. */
  code:
    | 'BGP_SESSION_DOWN'
    | 'BGP_NEIGHBOR_ASN_WRONG'
    | 'BGP_PASSWORD_WRONG'
    | 'BGP_PREFIX_LIMIT_REACHED'
    | 'BGP_ENGINE_FAILED'
    | null;
}

/** RFC 4271 8.2.2; BIRD's `Passive` is a session in Active that connects nowhere itself. */
const STATES: { [bird: string]: BgpSessionState } = {
  Idle: 'Idle',
  Connect: 'Connect',
  Active: 'Active',
  Passive: 'Active',
  OpenSent: 'OpenSent',
  OpenConfirm: 'OpenConfirm',
  Established: 'Established',
  Close: 'Idle',
  Down: 'Idle',
};

/**
 * @param status undefined = the engine does not run.
 * @param hasBadSignatures segments with wrong signatures came since the session was last up.
 */
export function reasonOf(
  session: SessionSettings,
  status: ProtocolStatus | undefined,
  hasBadSignatures: boolean,
): SessionReason {
  if (status === undefined)
    return { state: 'Disabled', text: 'The BGP engine is not running', code: 'BGP_ENGINE_FAILED' };
  const state = STATES[status.bgpState] ?? 'Idle';
  if (state === 'Established') return { state, text: '', code: null };
  const who = `${session.neighborAddress} (AS ${session.neighborAsn})`;
  if (isLimitHit(status)) {
    const text = `${who} sent more than ${session.maxPrefixes} prefixes: the session is shut and the last good set stays`;
    return { state: 'Disabled', text, code: 'BGP_PREFIX_LIMIT_REACHED' };
  }
  if (status.lastError.includes('Bad peer AS')) {
    const text = status.lastError.startsWith('Received')
      ? `${who} refused the session: it expects another ASN here (${status.lastError})`
      : `The router at ${session.neighborAddress} has another ASN than ${session.neighborAsn} (${status.lastError})`;
    return { state, text, code: 'BGP_NEIGHBOR_ASN_WRONG' };
  }
  if (hasBadSignatures) {
    const wanted = session.password === null ? 'none is set' : 'one is set';
    const text = `Segments with a missing or wrong TCP MD5 signature arrive; in this session ${wanted} for ${who}`;
    return { state, text, code: 'BGP_PASSWORD_WRONG' };
  }
  const error = status.lastError === '' ? '' : `: ${status.lastError}`;
  const text = state === 'Active' ? `Waiting for ${who} to connect${error}` : `Not established with ${who}${error}`;
  return { state, text, code: 'BGP_SESSION_DOWN' };
}
