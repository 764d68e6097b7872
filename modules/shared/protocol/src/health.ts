// Messages that modules send upstream about themselves (docs/contracts.md 7) and the document `wayside monitor` shows.

/** runtimeStatus of a module as the agent reports it (spec: IoT Edge reported properties). */
export type RuntimeStatus = 'unknown' | 'backoff' | 'running' | 'unhealthy' | 'stopped' | 'failed' | 'dead';

/** One module in a health message. Times are ISO 8601 UTC. */
export interface ModuleHealth {
  name: string;
  runtimeStatus: RuntimeStatus;
  /** Why the module is in this state, one sentence; '' when running as wanted. */
  statusDescription: string;
  image: string;
  imageHash: string;
  restartCount: number;
  exitCode: number;
  lastStartTimeUtc: string | null;
  lastExitTimeUtc: string | null;
  lastRestartTimeUtc: string | null;
  /** When the next restart is tried, while in backoff. */
  nextRetryTimeUtc: string | null;
}

/** The daemon as the agent sees it over the management API. */
export interface DaemonHealth {
  version: string;
  /** From its uptime: stable for as long as the agent runs, else within DAEMON_START_JITTER_MS. ISO 8601 UTC. */
  startTimeUtc: string;
}

/** Start times that lie closer together are the same start: uptimes are whole seconds, and answers take their time. */
export const DAEMON_START_JITTER_MS = 3_000;

/** Body of the agent's message with property messageType=health; every 15 s and on change. */
export interface AgentHealth {
  schemaVersion: '1.0';
  atUtc: string;
  agentVersion: string;
  /** Desired version last handled and its status code (200, 400, 412, 417, 500). */
  lastDesiredVersion: number;
  lastDesiredStatus: { code: number; description: string };
  modules: ModuleHealth[];
  /** null until the daemon has told of itself. */
  daemon: DaemonHealth | null;
  host: {
    uptimeSecs: number;
    usedCpuPercent: number | null;
    usedMemoryBytes: number | null;
    totalMemoryBytes: number | null;
    disks: { name: string; availableBytes: number; totalBytes: number }[];
  };
}

/** Body of the cache's message with property messageType=cacheReport; every 15 s. Counters are deltas of the interval; totals are since the module's first start. */
export interface CacheReport {
  schemaVersion: '1.0';
  fromUtc: string;
  toUtc: string;
  requests: number;
  hits: number;
  misses: number;
  errors5xx: number;
  hitBytes: number;
  missBytes: number;
  /** Bytes sent to clients (hitBytes + missBytes). */
  egressBytes: number;
  /** Bytes fetched from origins. */
  ingressBytes: number;
  totals: { hitBytes: number; missBytes: number; egressBytes: number; hitRatioBytes: number };
  /** The busiest origins of the interval. Fields after missBytes are left out by caches that do not know of them. */
  byOrigin: {
    host: string;
    hitBytes: number;
    missBytes: number;
    contentClass?: string;
    hits?: number;
    misses?: number;
  }[];
  /** Volume by content type (connected-cache 1.8): every class with traffic in the interval. */
  byContentClass?: { contentClass: string; hits: number; misses: number; hitBytes: number; missBytes: number }[];
  drives: {
    path: string;
    sizeBytes: number;
    usedBytes: number;
    state: 'ok' | 'failed';
    issue: 'DriveNotFound' | 'DrivePermission' | 'DriveTooSmall' | 'DriveInputOutputError' | 'Other' | null;
  }[];
}

/** State of a cache node (connected-cache.md 1.7), worst reason wins. */
export type NodeState = 'NotConfigured' | 'NotProvisioned' | 'NeverPhonedHome' | 'Healthy' | 'Unhealthy' | 'Disabled';

/** Answer of GET /api/v1/nodes/{name}/monitor. */
export interface NodeMonitor {
  name: string;
  atUtc: string;
  state: NodeState;
  stateText: string;
  reasons: { code: string; text: string; sinceUtc: string | null }[];
  lastHeartbeatUtc: string | null;
  connected: boolean;
  probe: {
    atUtc: string | null;
    ok: boolean | null;
    httpStatus: number | null;
    ms: number | null;
    error: string | null;
  };
  deployment: { desiredVersion: number; handledVersion: number; code: number; description: string };
  modules: (ModuleHealth & {
    desiredStatus: 'running' | 'stopped' | null;
    startsSeen: number;
    lastChangeUtc: string | null;
  })[];
  /** null before the node's agent has told of its daemon. startsSeen: different starts since it was first told of. */
  daemon: (DaemonHealth & { startsSeen: number; lastChangeUtc: string }) | null;
  cache: {
    /** Mbit/s over the last interval. */
    egressMbps: number;
    ingressMbps: number;
    /** hit bytes / egress bytes over the last 5 minutes, 0..1; null without traffic. */
    hitRatio: number | null;
    requestsPerSec: number;
    totals: CacheReport['totals'];
    drives: CacheReport['drives'];
    atUtc: string;
  } | null;
}
