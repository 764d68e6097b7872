// Answer of `show protocols all`: the state and the counters of each session. Pure.

/** One session as BIRD sees it. */
export interface ProtocolStatus {
  /** Name of the protocol. */
  name: string;
  /** up, start, stop, down. */
  state: string;
  /** BIRD's own clock, as written (`YYYY-MM-DD HH:MM:SS`). */
  since: string;
  /** Idle, Connect, Active, OpenSent, OpenConfirm, Established, Close, Down, Passive. */
  bgpState: string;
  /** Text behind the state, e.g. `BGP Error: Bad peer AS`; ''. */
  lastError: string;
  imported: number;
  filtered: number;
  /** The counters that move with every update or withdraw of the neighbour, as one text: equal = nothing came. */
  activity: string;
}

/** @param lines texts of the answer without their codes. */
export function parseProtocols(lines: readonly string[]): ProtocolStatus[] {
  const found: ProtocolStatus[] = [];
  let current: ProtocolStatus | undefined;
  for (const line of lines) {
    const head = /^(\S+)\s+BGP\s+\S+\s+(\S+)\s+(\S+(?: \d{2}:\d{2}:\d{2}(?:\.\d+)?)?)/.exec(line);
    if (head !== null) {
      const [, name = '', state = '', since = ''] = head;
      current = { name, state, since, bgpState: '', lastError: '', imported: 0, filtered: 0, activity: '' };
      found.push(current);
    } else if (/^\S+\s+[A-Z]\w*\s+\S+\s+(up|start|stop|down)\b/.test(line)) current = undefined;
    else if (current !== undefined) readDetail(current, line);
  }
  return found;
}

function readDetail(status: ProtocolStatus, line: string): void {
  const [, label = '', value = ''] = /^\s+([A-Z][A-Za-z ]*?):\s+(.*?)\s*$/.exec(line) ?? [];
  switch (label) {
    case 'BGP state':
      status.bgpState = value;
      break;
    case 'Last error':
      status.lastError = value;
      break;
    case 'Routes':
      status.imported = Number(/(\d+) imported/.exec(value)?.[1] ?? 0);
      status.filtered = Number(/(\d+) filtered/.exec(value)?.[1] ?? 0);
      break;
    case 'Import updates':
    case 'Import withdraws':
      status.activity += ` ${value.replace(/\s+/g, ' ')}`;
      break;
  }
}
