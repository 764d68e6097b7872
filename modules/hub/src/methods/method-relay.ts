// Direct methods from the cloud go down to the client and its answer goes up; the hub's own method is answered here.

import { clientIdOf, type Identity } from '@wayside/gateway';
import { type Clock, describeError, type Logger } from '@wayside/kit';
import type { Json } from '@wayside/protocol';
import type { HubMetrics } from '../metrics/metrics.ts';
import type { MethodCall } from '../upstream/cloud-connection.ts';
import type { UpstreamLink } from '../upstream/upstream-link.ts';
import { type MethodAnswer, type MethodCalls, MethodError } from './method-calls.ts';
import type { MethodRequest } from './method-routes.ts';

export interface MethodRelayOptions {
  readonly own: Identity;
  readonly calls: MethodCalls;
  readonly refreshScope: () => Promise<boolean>;
  readonly metrics: HubMetrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The cloud does not tell its own time limit; it gives up at 300 s at the latest. */
const RESPONSE_TIMEOUT_MS_MAX = 300_000;
const OWN_METHOD = 'refreshdevicescopeidentitycache';

export class MethodRelay {
  readonly #o: MethodRelayOptions;

  constructor(options: MethodRelayOptions) {
    this.#o = options;
  }

  /** A call from the cloud. A client that does not answer gives no answer: the cloud's own time limit tells the caller. */
  async fromCloud(link: UpstreamLink, { name, requestId, body }: MethodCall): Promise<void> {
    try {
      const answer = await this.call('upstream', {
        target: link.identity,
        name,
        body,
        connectTimeoutMs: 0,
        responseTimeoutMs: RESPONSE_TIMEOUT_MS_MAX,
      });
      await link.answerMethod(requestId, answer.status, answer.payload);
    } catch (error) {
      this.#o.logger.info('Method of the cloud not answered', {
        client: link.clientId,
        method: name,
        error: describeError(error),
      });
    }
  }

  /** Throws MethodError. */
  async call(from: string, request: MethodRequest): Promise<MethodAnswer> {
    const { own, calls, clock, metrics } = this.#o;
    const to = clientIdOf(request.target);
    const startedAtMs = clock.monotonicMs();
    const answer = to === clientIdOf(own) ? await this.#ownMethod(request) : await calls.call(request.target, request);
    metrics.method(from, to, (clock.monotonicMs() - startedAtMs) / 1000);
    return answer;
  }

  async #ownMethod({ name, body }: MethodRequest): Promise<MethodAnswer> {
    if (name.toLowerCase() !== OWN_METHOD) return { status: 404, payload: { message: `Unknown method ${name}` } };
    if (!isDeviceList(body)) return { status: 400, payload: { message: 'Payload must be {deviceIds:[..]}' } };
    const refreshed = await this.#o.refreshScope();
    if (!refreshed) throw new MethodError('offline', 'Identities could not be refreshed: the cloud was not reached');
    return { status: 200, payload: null };
  }
}

function isDeviceList(body: string): boolean {
  try {
    const { deviceIds } = JSON.parse(body) as { deviceIds?: Json };
    return Array.isArray(deviceIds) && deviceIds.every((id) => typeof id === 'string');
  } catch {
    return false;
  }
}
