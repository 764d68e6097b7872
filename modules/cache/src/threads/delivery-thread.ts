// A delivery thread: listens on the common port, answers hits by itself, hands everything else to the engine. Entry of the worker;
// like main.ts it puts its rooms together, from what the engine says at its start.

import { once } from 'node:events';
import { parentPort } from 'node:worker_threads';
import { closeServer, describeError, type LogFields, type Logger, listen } from '@wayside/kit';
import { EgressBudget } from '../deliver/egress-budget.ts';
import { ConnectionBudget } from '../listen/connection-budget.ts';
import { makeContentServer } from '../listen/content-server.ts';
import { PaceKeeper } from '../listen/pace-keeper.ts';
import { TrafficCounters } from '../operate/traffic-counters.ts';
import { OriginTable } from '../origin/origins.ts';
import { AccessLog } from '../request/access-log.ts';
import { ACTIVE_REQUESTS_MAX, ContentHandler } from '../request/content-handler.ts';
import { ObjectDelivery } from '../request/object-delivery.ts';
import { EnginePort } from './engine-port.ts';
import type { ThreadSettings, ThreadStart, ToEngine, ToThread } from './messages.ts';
import { Outbox } from './outbox.ts';
import { toPlainError } from './plain-error.ts';
import { Replicas } from './replicas.ts';
import { SharedEgress } from './shared-egress.ts';

/** How old the engine's figures of this thread may be. */
const COUNTERS_INTERVAL_MS = 200;
/** Open requests get this long at the end. */
const STOP_GRACE_MS = 3000;

const port = parentPort;
if (port === null) throw new Error('A delivery thread is started by the engine only');
// The engine says nothing more before it hears that this thread is ready.
const [start] = (await once(port, 'message')) as [ThreadStart];

const outbox = new Outbox<ToEngine>((messages, transfer) => port.postMessage(messages, transfer));
const logger = loggerOf({});
const counters = new TrafficCounters();
const egress = new SharedEgress(start.egressMemory, start.slot);
const budget = new EgressBudget(egress, egress);
const origins = new OriginTable(start.origins);
const accessLog = new AccessLog(start.settings.accessLog, (line) => outbox.send({ kind: 'accessLine', line }));
const replicas = new Replicas();
const engine = new EnginePort({
  outbox,
  replicas,
  start,
  deliver: (client, object, result) => delivery.deliver(client, object, result),
});
const connections = new ConnectionBudget(start.settings.connections, counters.connections);
const pace = new PaceKeeper(start.settings.clientBytesPerSecMin, counters.connections);
const delivery = new ObjectDelivery({ fills: engine, counters, budget, pace, accessLog, logger, now: Date.now });
const handler = new ContentHandler({
  origins,
  objects: {
    peek: (key) => replicas.pin(key),
    // Which variant a request selects is the engine's to say: it never tells of the mark that names them.
    peekVariant: () => undefined,
  },
  delivery,
  slow: { serve: (client) => engine.serve(client), change: (client) => engine.serve(client) },
  counters,
  accessLog,
  logger,
  loopMark: start.loopMark,
  activeRequestsMax: Math.ceil(ACTIVE_REQUESTS_MAX / (start.slots - 1)),
  now: Date.now,
});
const server = makeContentServer(handler.handle);
connections.guard(server, true);

apply(start.settings);
port.on('message', (messages: ToThread[]) => {
  for (const message of messages) take(message);
});
const reporting = setInterval(reportCounters, COUNTERS_INTERVAL_MS);
let reported = '';

try {
  const { address, port: bound, family } = await listen(server, { ...start.listen, reusePort: true });
  outbox.send({ kind: 'ready', address, port: bound, family });
} catch (error) {
  outbox.send({ kind: 'startFailed', error: toPlainError(error) });
}

function take(message: ToThread): void {
  if (message.kind === 'settings') {
    apply(message.settings);
    outbox.send({ kind: 'applied', settings: message.number });
  } else if (message.kind === 'stop') void stop();
  else engine.take(message);
}

function apply(settings: ThreadSettings): void {
  origins.setDesired(settings.origins);
  budget.setCap(settings.maxEgressMbps);
  handler.isDraining = settings.isDraining;
  accessLog.configure(settings.accessLog);
  connections.limits = settings.connections;
  pace.bytesPerSecMin = settings.clientBytesPerSecMin;
}

async function stop(): Promise<void> {
  await closeServer(server, STOP_GRACE_MS);
  clearInterval(reporting);
  reportCounters();
  outbox.send({ kind: 'stopped' });
}

function reportCounters(): void {
  const snapshot = counters.snapshot();
  const mark = `${snapshot.requests} ${snapshot.activeRequests} ${snapshot.hitBytes} ${snapshot.missBytes} ${Object.values(snapshot.connections).join()}`;
  if (mark === reported) return;
  reported = mark;
  outbox.send({ kind: 'counters', snapshot });
}

/** Lines go to the engine's logger: an error loses its class on the way, so it goes as text. */
function loggerOf(bound: LogFields): Logger {
  const log = (level: Extract<ToEngine, { kind: 'log' }>['level']) => (message: string, fields?: LogFields) => {
    const plain: LogFields = {};
    for (const [name, value] of Object.entries({ ...fields, ...bound })) {
      plain[name] = value instanceof Error ? describeError(value) : value;
    }
    outbox.send({ kind: 'log', level, message, fields: plain });
  };
  const child = (fields: LogFields) => loggerOf({ ...fields, ...bound });
  return { error: log('error'), warn: log('warn'), info: log('info'), debug: log('debug'), child };
}
