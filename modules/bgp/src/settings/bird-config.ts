// BIRD's configuration from the settings (BIRD 2 user's guide, 5 and 6.4). Pure. The same settings give the same text, and a session's part
// depends on that session alone, so that `configure` leaves the others up.

import type { Family } from '../routes/prefix.ts';
import type { BgpSettings, ImportRules, SessionSettings } from './desired.ts';

/** RFC 6890, RFC 5737, RFC 2544, RFC 1112: nobody routes these. */
const BOGONS_IPV4 = [
  '0.0.0.0/8+',
  '10.0.0.0/8+',
  '100.64.0.0/10+',
  '127.0.0.0/8+',
  '169.254.0.0/16+',
  '172.16.0.0/12+',
  '192.0.0.0/24+',
  '192.0.2.0/24+',
  '192.168.0.0/16+',
  '198.18.0.0/15+',
  '198.51.100.0/24+',
  '203.0.113.0/24+',
  '224.0.0.0/3+',
];
/** Global unicast is 2000::/3 (RFC 4291); documentation (RFC 3849, RFC 9637), Teredo, 6to4. */
const BOGONS_IPV6 = ['2001::/32+', '2001:db8::/32+', '2002::/16+', '3fff::/20+'];
/** What lies outside is refused. */
const GLOBAL_UNICAST_IPV6 = '2000::/3+';
/** Received before the filter; a router that sends more than this many times maxPrefixes is shut although most would be filtered. */
const RECEIVED_PER_ACCEPTED_MAX = 2;

export interface EngineOptions {
  /** TCP port BIRD listens on; 179 unless a test says otherwise. */
  port: number;
}

export function protocolName(sessionId: string): string {
  return `s_${sessionId}`;
}

export function tableName(sessionId: string): string {
  return `r_${sessionId}`;
}

/** The whole file. It holds the passwords: 0600. */
export function writeBirdConfig(settings: BgpSettings, { port }: EngineOptions): string {
  const sessions = settings.sessions.map((session) => sessionPart(session, settings.localAsn, port));
  return [
    `router id ${settings.routerId};`,
    'log stderr { warning, error, bug, fatal };',
    'timeformat base iso long;',
    'timeformat log iso long;',
    'timeformat protocol iso long;',
    // Interfaces are needed for neighbours on the link; there is no kernel protocol: the routes of the host are never touched.
    'protocol device { scan time 10; }',
    // Next hops are looked up in tables that stay empty: no route is left out because its next hop is not on the link, none is used to forward.
    'ipv4 table next_hops_4;',
    'ipv6 table next_hops_6;',
    ...sessions,
    '',
  ].join('\n');
}

function sessionPart(session: SessionSettings, localAsn: number, port: number): string {
  const family = `ipv${session.family}`;
  const id = session.id;
  const lines = [
    `${family} table ${tableName(id)};`,
    `filter f_${id} {`,
    ...filterLines(session.family, session.import).map((line) => `  ${line}`),
    '  accept;',
    '}',
    `protocol bgp ${protocolName(id)} {`,
    `  local ${session.localAddress === null ? '' : `${session.localAddress} `}port ${port} as ${localAsn};`,
    `  neighbor ${session.neighborAddress} as ${session.neighborAsn};`,
    '  passive on;',
    `  hold time ${session.holdTimeSecs};`,
    '  startup hold time 60;',
    '  error wait time 5, 30;',
    ...optionalLines(session).map((line) => `  ${line}`),
    `  ${family} {`,
    `    table ${tableName(id)};`,
    `    igp table next_hops_${session.family};`,
    '    gateway recursive;',
    // With the refused ones kept, a changed filter takes effect without asking the router again, and they can be counted.
    '    import keep filtered on;',
    `    import filter f_${id};`,
    '    export none;',
    `    import limit ${session.maxPrefixes} action disable;`,
    `    receive limit ${session.maxPrefixes * RECEIVED_PER_ACCEPTED_MAX} action disable;`,
    '  };',
    '}',
  ];
  return lines.join('\n');
}

function optionalLines({ password, multihop, ttlSecurity }: SessionSettings): string[] {
  const lines: string[] = [];
  if (password !== null) lines.push(`password "${password.reveal()}";`);
  if (multihop !== false) lines.push(`multihop ${multihop};`);
  if (ttlSecurity) lines.push('ttl security on;');
  return lines;
}

function filterLines(family: Family, rules: ImportRules): string[] {
  const lines = [`if net.len < ${rules.minLength} || net.len > ${rules.maxLength} then reject;`];
  if (!rules.acceptBogons && family === 4) lines.push(`if net ~ [ ${BOGONS_IPV4.join(', ')} ] then reject;`);
  if (!rules.acceptBogons && family === 6) {
    lines.push(`if !(net ~ [ ${GLOBAL_UNICAST_IPV6} ]) then reject;`);
    lines.push(`if net ~ [ ${BOGONS_IPV6.join(', ')} ] then reject;`);
  }
  lines.push(`if bgp_path.len > ${rules.maxPathLength} then reject;`);
  return lines;
}
