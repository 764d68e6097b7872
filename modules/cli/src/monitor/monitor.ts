// `monitor NODE`: asks the cloud again and again and draws the node anew. Ends by Ctrl-C, or after one picture with --once.

import { describeError, isEdgeError } from '@wayside/kit';
import type { NodeMonitor } from '@wayside/protocol';
import type { CloudClient } from '../cloud/cloud-client.ts';
import type { Io } from '../io.ts';
import { jsonText, plainLine } from '../terminal-text.ts';
import { monitorText } from './monitor-text.ts';

const CLEAR_SCREEN = '\u001b[H\u001b[2J';
const COLOURS: { [state: string]: string | undefined } = {
  Healthy: '\u001b[32m',
  Unhealthy: '\u001b[31m',
  NeverPhonedHome: '\u001b[33m',
  NotProvisioned: '\u001b[33m',
  NotConfigured: '\u001b[33m',
};
const COLOUR_OFF = '\u001b[0m';

export interface MonitorOptions {
  json: boolean;
  once: boolean;
  intervalMs: number;
  colours: boolean;
}

export async function monitor(io: Io, client: CloudClient, node: string, options: MonitorOptions): Promise<void> {
  let last: NodeMonitor | undefined;
  while (!io.signal.aborted) {
    let trouble = '';
    try {
      last = await client.monitor(node);
    } catch (error) {
      // A live table outlives an outage of the cloud; a wrong name, an ended session or a first failure ends it.
      if (options.once || last === undefined || (isEdgeError(error) && error.retry === 'never')) throw error;
      trouble = `\n${plainLine(describeError(error))}; shown is what was known at ${last.atUtc}\n`;
    }
    draw(io, last, trouble, options);
    if (options.once) return;
    await io.clock.sleep(options.intervalMs, io.signal).catch(() => undefined);
  }
}

function draw(io: Io, last: NodeMonitor, trouble: string, options: MonitorOptions): void {
  if (options.json) {
    if (trouble === '') io.stdout.write(`${jsonText(last)}\n`);
    else io.stderr.write(trouble.trimStart());
    return;
  }
  const style = (state: string): string =>
    options.colours && COLOURS[state] !== undefined ? `${COLOURS[state]}${state}${COLOUR_OFF}` : state;
  // Figures are as old as the document says, by the cloud's own clock: this machine's clock may differ.
  const text = `${monitorText(last, Date.parse(last.atUtc), style)}${trouble}`;
  const live = io.stdout.isTTY === true && !options.once;
  io.stdout.write(live ? `${CLEAR_SCREEN}${plainLine(last.atUtc)}\n\n${text}` : `${text}${options.once ? '' : '\n'}`);
}
