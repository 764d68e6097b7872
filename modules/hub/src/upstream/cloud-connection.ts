// The port to the cloud: one live connection in the name of one identity.

import type { Identity } from '@wayside/gateway';
import type { Json, JsonObject, TwinProperties } from '@wayside/protocol';
import type { HubMessage } from '../message.ts';

export interface MethodCall {
  readonly name: string;
  readonly requestId: string;
  /** JSON text, or empty. */
  readonly body: string;
}

export interface CloudEvents {
  /** Patch as the cloud sent it, with its `$version`. */
  desired(patch: JsonObject): void;
  method(call: MethodCall): void;
  lost(error: unknown): void;
}

/** Operations reject when the connection fails; none of them has a time limit of its own here. */
export interface CloudConnection {
  /** Resolves at PUBACK. */
  send(message: HubMessage): Promise<void>;
  getTwin(): Promise<TwinProperties>;
  patchReported(patch: JsonObject): Promise<void>;
  answerMethod(requestId: string, status: number, payload: Json | undefined): Promise<void>;
  /** Subscribes to desired patches and methods, or ends it. */
  receive(wanted: boolean): Promise<void>;
  close(): Promise<void>;
}

export interface CloudConnector {
  /** Resolves when CONNACK came. `token` is the SAS token to present. */
  open(identity: Identity, token: string, events: CloudEvents): Promise<CloudConnection>;
}
