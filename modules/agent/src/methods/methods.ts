// The direct methods of $edgeAgent (iotedge.md 2.6): name in any case, errors as {message} with an HTTP-like status, a time limit each.

import { type Clock, describeError, EdgeError, isEdgeError, type Logger } from '@wayside/kit';
import type { Json } from '@wayside/protocol';
import type { MethodAnswer, MethodCall } from '../cloud/module-client.ts';
import { readSasUrl, uploadBlob } from './blob-upload.ts';
import { invalid, readOptionalText, readRequest, readText } from './method-request.ts';
import { answerLogs, type LogRequest, type LogSource, packLog, readLogRequest } from './module-logs.ts';
import { type TaskStatus, UploadTasks } from './upload-tasks.ts';

export interface MethodPorts {
  identity: { iothub: string; device: string };
  source: LogSource;
  restartModule(name: string): Promise<void>;
  supportBundle(query: { [name: string]: string | undefined }, signal: AbortSignal): NodeJS.ReadableStream;
  /** PEM: uploads may go to the cloud of the node, whose CA no system knows. */
  trustBundle?(): Promise<string>;
  clock: Clock;
  logger: Logger;
  requestTimeoutMs: number;
  onCall?: (name: string) => void;
}

type Method = (payload: Json | undefined, signal: AbortSignal) => Promise<Json>;

/** Faults of the caller answer 400, everything else 500. */
const CALLER_FAULTS = new Set([
  'AGENT_METHOD_UNKNOWN',
  'AGENT_METHOD_INVALID',
  'AGENT_LOGS_TOO_LARGE',
  'AGENT_TASKS_FULL',
]);

export class AgentMethods {
  readonly #ports: MethodPorts;
  readonly #tasks: UploadTasks;
  readonly #methods: { [name: string]: Method };

  constructor(ports: MethodPorts) {
    this.#ports = ports;
    this.#tasks = new UploadTasks(ports.clock, ports.logger);
    this.#methods = {
      ping: async () => null,
      RestartModule: (payload) => this.#restartModule(payload),
      GetModuleLogs: (payload, signal) => this.#getModuleLogs(payload, signal),
      UploadModuleLogs: async (payload) => this.#uploadModuleLogs(payload),
      GetTaskStatus: async (payload) => toJson(this.#tasks.status(readText(readRequest(payload), 'correlationId'))),
      UploadSupportBundle: async (payload) => this.#uploadSupportBundle(payload),
    };
  }

  stop(): void {
    this.#tasks.stop();
  }

  /** Never throws: every call gets an answer. */
  async call({ name, payload }: MethodCall): Promise<MethodAnswer> {
    const { logger, onCall } = this.#ports;
    const known = Object.keys(this.#methods).find((each) => each.toLowerCase() === name.toLowerCase());
    try {
      if (known === undefined) throw this.#unknown(name);
      onCall?.(known);
      logger.info('Direct method called', { method: known });
      return { status: 200, payload: await this.#inTime(known, this.#methods[known] as Method, payload) };
    } catch (error) {
      const isCallers = isEdgeError(error) && CALLER_FAULTS.has(error.code);
      logger.warn('Direct method failed', { method: name.slice(0, 100), error });
      return { status: isCallers ? 400 : 500, payload: { message: describeError(error) } };
    }
  }

  #unknown(name: string): EdgeError {
    const names = Object.keys(this.#methods).join(', ');
    const text = `Command '${name.slice(0, 100)}' not found. The supported commands are - ${names}`;
    return new EdgeError('AGENT_METHOD_UNKNOWN', text, { source: 'downstream' });
  }

  async #inTime(name: string, method: Method, payload: Json | undefined): Promise<Json> {
    const { clock, requestTimeoutMs } = this.#ports;
    const over = new AbortController();
    const late = clock.sleep(requestTimeoutMs, over.signal).then(() => {
      throw new EdgeError('AGENT_METHOD_TIMEOUT', `Cannot finish ${name}: not done within ${requestTimeoutMs} ms`);
    });
    late.catch(() => undefined);
    try {
      return await Promise.race([method(payload, over.signal), late]);
    } finally {
      over.abort();
    }
  }

  async #restartModule(payload: Json | undefined): Promise<Json> {
    const id = readText(readRequest(payload), 'id');
    const names = this.#ports.source.moduleNames();
    if (!names.includes(id)) throw invalid('id', id, `one of ${names.join(', ')}`);
    await this.#ports.restartModule(id);
    return null;
  }

  async #getModuleLogs(payload: Json | undefined, signal: AbortSignal): Promise<Json> {
    const { source, identity, clock } = this.#ports;
    const request = readLogRequest(readRequest(payload), source.moduleNames(), clock.nowMs());
    return answerLogs(source, identity, request, signal);
  }

  #uploadModuleLogs(payload: Json | undefined): Json {
    const { source, clock } = this.#ports;
    const request = readRequest(payload);
    const container = readSasUrl(readText(request, 'sasUrl'));
    const logs = readLogRequest(request, source.moduleNames(), clock.nowMs());
    return toJson(this.#tasks.start('UploadModuleLogs', (signal) => this.#uploadLogs(container, logs, signal)));
  }

  async #uploadLogs(container: URL, request: LogRequest, signal: AbortSignal): Promise<void> {
    const { source, identity, clock } = this.#ports;
    const extension = `${request.contentType === 'json' ? 'json' : 'log'}${request.encoding === 'gzip' ? '.gz' : ''}`;
    const contentType = request.encoding === 'gzip' ? 'application/gzip' : 'text/plain';
    for (const item of request.items) {
      const packed = await packLog(source, identity, request, item, signal);
      const name = `${identity.iothub}/${identity.device}/${item.id}-${blobTime(clock.nowMs())}.${extension}`;
      await uploadBlob(container, name, packed.bytes, contentType, { signal, trustBundle: await this.#trustBundle() });
    }
  }

  async #trustBundle(): Promise<string> {
    return (await this.#ports.trustBundle?.()) ?? '';
  }

  #uploadSupportBundle(payload: Json | undefined): Json {
    const request = readRequest(payload);
    const container = readSasUrl(readText(request, 'sasUrl'));
    const { edgeRuntimeOnly } = request;
    if (edgeRuntimeOnly !== undefined && edgeRuntimeOnly !== null && typeof edgeRuntimeOnly !== 'boolean')
      throw invalid('edgeRuntimeOnly', edgeRuntimeOnly, 'true or false');
    const { identity, clock, supportBundle } = this.#ports;
    const query = {
      since: readOptionalText(request, 'since'),
      until: readOptionalText(request, 'until'),
      iothub_hostname: identity.iothub,
      edge_runtime_only: edgeRuntimeOnly === true ? 'true' : undefined,
    };
    const task = this.#tasks.start('UploadSupportBundle', async (signal) => {
      const name = `${identity.iothub}/${identity.device}/support-bundle-${blobTime(clock.nowMs())}.zip`;
      const trustBundle = await this.#trustBundle();
      await uploadBlob(container, name, supportBundle(query, signal), 'application/zip', { signal, trustBundle });
    });
    return toJson(task);
  }
}

function toJson(task: TaskStatus): Json {
  return { ...task };
}

/** yyyy-MM-dd--HH-mm-ss, UTC. */
function blobTime(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 19).replace('T', '--').replaceAll(':', '-');
}
