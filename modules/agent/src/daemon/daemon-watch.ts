// Sees restarts of the daemon: a new socket at the management API's path asks for a fresh look at its uptime, and an uptime that
// does not go on from the last one is a start. Asking is dear (Docker's statistics come with the uptime), looking at the socket is not.

import { type Clock, describeError, type Logger } from '@wayside/kit';
import { DAEMON_START_JITTER_MS, type DaemonHealth, type SystemInfo } from '@wayside/protocol';

/** With it a restart is told within 10 s: this look, an answer with statistics, the reconciler's next round. */
export const SOCKET_LOOK_PERIOD_MS = 2_000;

export interface DaemonWatchOptions {
  /** Changes when the daemon listens anew; '' = nothing to see there. */
  socketMark: () => Promise<string>;
  systemInfo: () => Promise<SystemInfo>;
  /** Asks for a sample of the daemon's figures now, which then comes by onUptime(). */
  onNewSocket: () => void;
  onSystemInfo: (info: SystemInfo) => void;
  clock: Clock;
  logger: Logger;
}

interface Start {
  startedAtMs: number;
  /** What its uptime would have been at zero of the monotonic clock. */
  uptimeAtZeroMs: number;
}

export class DaemonWatch {
  readonly #options: DaemonWatchOptions;
  #start: Start | undefined;
  /** The start whose version is known. */
  #told: Start | undefined;
  #facts: DaemonHealth | null = null;
  #mark = '';

  constructor(options: DaemonWatchOptions) {
    this.#options = options;
  }

  /** For the health message; null before the daemon has answered. */
  get facts(): DaemonHealth | null {
    return this.#facts;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, socketMark, onNewSocket } = this.#options;
    while (!signal.aborted) {
      const mark = await socketMark();
      if (mark !== '' && this.#mark !== '' && mark !== this.#mark) onNewSocket();
      // A socket that is away keeps the mark: what comes after it is compared with what was before.
      if (mark !== '') this.#mark = mark;
      await clock.sleep(SOCKET_LOOK_PERIOD_MS, signal).catch(() => undefined);
    }
  }

  /** process_uptime of a fresh answer of the daemon. */
  async onUptime(uptimeSecs: number): Promise<void> {
    const { systemInfo, onSystemInfo, logger } = this.#options;
    if (!Number.isFinite(uptimeSecs)) return;
    const start = this.#startOf(uptimeSecs * 1000);
    this.#start = start;
    if (start === this.#told) return;
    try {
      // Asked with every start: it may be an upgrade.
      const info = await systemInfo();
      this.#told = start;
      this.#facts = { version: String(info.version), startTimeUtc: new Date(start.startedAtMs).toISOString() };
      onSystemInfo(info);
    } catch (error) {
      logger.debug('Version of the daemon cannot be read', { error: describeError(error) });
    }
  }

  /** The monotonic clock decides: a wall clock that is set right is no restart. */
  #startOf(uptimeMs: number): Start {
    const { clock } = this.#options;
    const uptimeAtZeroMs = uptimeMs - clock.monotonicMs();
    const known = this.#start;
    if (known && Math.abs(uptimeAtZeroMs - known.uptimeAtZeroMs) <= DAEMON_START_JITTER_MS) return known;
    return { startedAtMs: clock.nowMs() - uptimeMs, uptimeAtZeroMs };
  }
}
