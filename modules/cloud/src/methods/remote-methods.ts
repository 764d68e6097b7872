// Direct methods over all replicas: called here when the device is connected here, else by the replica that holds its connection.

import { clientIdOf, type Identity } from '@wayside/gateway';
import { type Clock, isEdgeError } from '@wayside/kit';
import type { Json, JsonObject } from '@wayside/protocol';
import type { MethodRequest } from '../platform.ts';
import type { ReplicaCalls } from '../replicas/replica-calls.ts';
import type { Replicas } from '../replicas/replicas.ts';
import { type MethodCalls, type MethodLink, RESPONSE_TIMEOUT_SECS_DEFAULT } from './method-calls.ts';

const CALL_KIND = 'method';
/** Beyond the response timeout, for the way to the other replica and back. */
const WAY_MS = 10_000;
/** A notice of the device's connection may be lost: looked at again after this. */
const LOOK_AGAIN_MS = 2_000;

export interface RemoteMethodsParts {
  methods: MethodCalls;
  link: MethodLink;
  calls: ReplicaCalls;
  replicas: Replicas;
  clock: Clock;
  ownerOf(identity: Identity): Promise<number | undefined>;
}

export type MethodAnswer = { status: number; payload: Json };

export class RemoteMethods {
  readonly #parts: RemoteMethodsParts;

  constructor(parts: RemoteMethodsParts) {
    this.#parts = parts;
    parts.calls.handle(CALL_KIND, async (request) => {
      const { deviceId, moduleId, call } = request as unknown as {
        deviceId: string;
        moduleId: string | null;
        call: MethodRequest;
      };
      return (await parts.methods.invoke(deviceId, moduleId ?? undefined, call)) as JsonObject;
    });
  }

  /** As MethodCalls.invoke(); CLOUD_REPLICA_GONE when the replica with the connection ended meanwhile: whether the device ran it is not known. */
  async invoke(deviceId: string, moduleId: string | undefined, call: MethodRequest): Promise<MethodAnswer> {
    const { methods, link, replicas, clock } = this.#parts;
    if (replicas.number === 0) return await methods.invoke(deviceId, moduleId, call);
    const identity: Identity = moduleId === undefined ? { deviceId } : { deviceId, moduleId };
    const endMs = clock.monotonicMs() + Math.max(0, Number(call.connectTimeoutSecs ?? 0)) * 1_000;
    for (;;) {
      const changed = this.#nextChange(identity);
      try {
        if (link.reach(deviceId, moduleId) !== 'gone') return await methods.invoke(deviceId, moduleId, call);
        const answer = await this.#ask(identity, call);
        if (answer) return answer;
        const leftMs = endMs - clock.monotonicMs();
        // Says what is wrong with the call or the identity, or that it is not connected.
        if (!(leftMs > 0)) return await methods.invoke(deviceId, moduleId, { ...call, connectTimeoutSecs: 0 });
        await Promise.race([changed.heard, clock.sleep(Math.min(leftMs, LOOK_AGAIN_MS), changed.done)]).catch(
          () => undefined,
        );
      } finally {
        changed.stop();
      }
    }
  }

  /** undefined when the device is connected nowhere else, or went away before it was asked. */
  async #ask(identity: Identity, call: MethodRequest): Promise<MethodAnswer | undefined> {
    const { calls, replicas, ownerOf } = this.#parts;
    const owner = await ownerOf(identity);
    if (owner === undefined || owner === replicas.number) return undefined;
    const request = {
      deviceId: identity.deviceId,
      moduleId: identity.moduleId ?? null,
      call: { ...call, connectTimeoutSecs: 0 } as unknown as JsonObject,
    };
    const timeoutMs = Number(call.responseTimeoutSecs ?? RESPONSE_TIMEOUT_SECS_DEFAULT) * 1_000 + WAY_MS;
    try {
      return (await calls.call(owner, CALL_KIND, request, timeoutMs)) as MethodAnswer;
    } catch (error) {
      if (isEdgeError(error, 'CLOUD_METHOD_DEVICE_OFFLINE')) return undefined;
      throw error;
    }
  }

  #nextChange({ deviceId, moduleId }: Identity) {
    const { link, replicas } = this.#parts;
    const clientId = clientIdOf(moduleId === undefined ? { deviceId } : { deviceId, moduleId });
    const done = new AbortController();
    const { promise: heard, resolve } = Promise.withResolvers<void>();
    const stops = [
      link.onChange(deviceId, moduleId, resolve),
      replicas.on('connection', (ids) => void (ids.includes(clientId) && resolve())),
    ];
    const stop = () => {
      done.abort();
      for (const end of stops) end();
    };
    return { heard, done: done.signal, stop };
  }
}
