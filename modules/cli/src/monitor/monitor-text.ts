// The picture of a node that `monitor` draws from one NodeMonitor document. Pure; times are told as distances from `nowMs`.

import type { NodeMonitor } from '@wayside/protocol';
import { alignedTable } from '../table/aligned-table.ts';
import { elapsedText } from '../table/elapsed-time.ts';
import { plainLine } from '../terminal-text.ts';

/** Distances below this are told in whole seconds, so that a live table does not flicker with milliseconds. */
const WHOLE_SECONDS_MS_MAX = 60_000;
const KIB = 1024;
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** `state`: styles the state word (colour); the plain text is the default. */
export function monitorText(monitor: NodeMonitor, nowMs: number, style: (state: string) => string = (s) => s): string {
  return [head(monitor, nowMs, style), modules(monitor, nowMs), cache(monitor, nowMs)]
    .filter((part) => part !== '')
    .join('\n');
}

function head(m: NodeMonitor, nowMs: number, style: (state: string) => string): string {
  const reasons = m.reasons.map(
    (r) => `  ${plainLine(`${r.code}: ${r.text}`)}${r.sinceUtc === null ? '' : `, since ${ago(r.sinceUtc, nowMs)}`}\n`,
  );
  const { deployment: d, probe } = m;
  const link = `${m.connected ? 'connected' : 'not connected'}, last heartbeat ${ago(m.lastHeartbeatUtc, nowMs)}`;
  const probed =
    probe.ok === null
      ? 'not probed yet'
      : `${probe.ok ? 'ok' : 'failed'}${probe.httpStatus === null ? '' : `, HTTP ${probe.httpStatus}`}${probe.ms === null ? '' : ` in ${Math.round(probe.ms)} ms`}${probe.error === null ? '' : `, ${probe.error}`}, ${ago(probe.atUtc, nowMs)}`;
  const rollout =
    d.handledVersion === d.desiredVersion
      ? `version ${d.desiredVersion}`
      : `version ${d.desiredVersion}, node is at ${d.handledVersion}`;
  return `${plainLine(m.name)}  ${style(plainLine(m.state))}${m.stateText === '' || m.stateText === m.state ? '' : `  ${plainLine(m.stateText)}`}\n${reasons.join('')}${alignedTable(
    [
      ['deployment', `${rollout}, status ${d.code}${d.description === '' ? '' : `: ${d.description}`}`],
      ['cloud link', link],
      ['content probe', probed],
      ['daemon', daemonWords(m, nowMs)],
    ],
  )}`;
}

/** A cloud that does not know of daemons leaves the field out. */
function daemonWords({ daemon }: Partial<NodeMonitor>, nowMs: number): string {
  if (!daemon) return 'not reported yet';
  const { version, startTimeUtc, startsSeen, lastChangeUtc } = daemon;
  const starts = `${startsSeen} ${startsSeen === 1 ? 'start' : 'starts'} seen`;
  return `version ${version}, up ${distance(startTimeUtc, nowMs)}, ${starts}, last change ${ago(lastChangeUtc, nowMs)}`;
}

function modules(m: NodeMonitor, nowMs: number): string {
  const rows = [...m.modules]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((module) => [
      module.name,
      module.desiredStatus === null
        ? `${module.runtimeStatus} (not deployed)`
        : module.desiredStatus === module.runtimeStatus
          ? module.runtimeStatus
          : `${module.runtimeStatus} (wanted ${module.desiredStatus})`,
      String(module.restartCount),
      String(module.startsSeen),
      ago(module.lastChangeUtc, nowMs),
      healthWords(module, nowMs),
      module.image,
    ]);
  return alignedTable([['MODULE', 'STATUS', 'RESTARTS', 'STARTS', 'LAST CHANGE', 'HEALTH', 'IMAGE'], ...rows]);
}

function healthWords(module: NodeMonitor['modules'][number], nowMs: number): string {
  const words: string[] = [];
  if (module.statusDescription !== '') words.push(module.statusDescription);
  else if (module.runtimeStatus === 'running') words.push(`up ${distance(module.lastStartTimeUtc, nowMs)}`);
  else if (module.lastExitTimeUtc !== null)
    words.push(`exit code ${module.exitCode} ${ago(module.lastExitTimeUtc, nowMs)}`);
  if (module.nextRetryTimeUtc !== null) words.push(`next try ${module.nextRetryTimeUtc}`);
  return words.length === 0 ? '-' : words.join('; ');
}

function cache(m: NodeMonitor, nowMs: number): string {
  const c = m.cache;
  if (c === null) return 'cache  no report yet\n';
  const lines = alignedTable([
    [
      'cache',
      `egress ${c.egressMbps.toFixed(1)} Mbit/s, from origins ${c.ingressMbps.toFixed(1)} Mbit/s, hit ratio ${percent(c.hitRatio)}, ${c.requestsPerSec.toFixed(1)} requests/s, ${ago(c.atUtc, nowMs)}`,
    ],
    [
      'in all',
      `${bytesText(c.totals.egressBytes)} served, ${bytesText(c.totals.hitBytes)} of it from the cache (${percent(c.totals.egressBytes === 0 ? null : c.totals.hitRatioBytes)})`,
    ],
  ]);
  const drives = c.drives.map((d) => [d.path, d.state, bytesText(d.usedBytes), bytesText(d.sizeBytes), d.issue ?? '-']);
  return `${lines}${drives.length === 0 ? '' : `\n${alignedTable([['DRIVE', 'STATE', 'USED', 'SIZE', 'ISSUE'], ...drives])}`}`;
}

function percent(ratio: number | null): string {
  return ratio === null ? 'no traffic' : `${(ratio * 100).toFixed(1)} %`;
}

/** 969710 -> `947.0 KiB` */
export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= KIB && unit < UNITS.length - 1) {
    value /= KIB;
    unit += 1;
  }
  return unit === 0 ? `${bytes} B` : `${value.toFixed(1)} ${UNITS[unit]}`;
}

function ago(timeUtc: string | null, nowMs: number): string {
  return timeUtc === null ? 'never' : `${distance(timeUtc, nowMs)} ago`;
}

function distance(timeUtc: string | null, nowMs: number): string {
  const ms = timeUtc === null ? Number.NaN : Math.max(0, nowMs - Date.parse(timeUtc));
  if (Number.isNaN(ms)) return 'at an unknown time';
  if (ms >= WHOLE_SECONDS_MS_MAX) return elapsedText(BigInt(Math.round(ms)) * 1_000_000n);
  const secs = Math.floor(ms / 1000);
  return `${secs} ${secs === 1 ? 'second' : 'seconds'}`;
}
