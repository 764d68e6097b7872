// A message inside the hub: who sent it, what it says, when it came.

import type { MessageProperties } from '@wayside/protocol';

/** Where a message came from, as routes see it: `/messages/modules/{m}/outputs/{o}`, `/messages`, `/twinChangeNotifications`. */
export type MessageSource = string;

export interface HubMessage {
  /** Client id of the sender: the identity it goes upstream as. */
  readonly sender: string;
  readonly source: MessageSource;
  readonly properties: MessageProperties;
  readonly body: Buffer;
  /** Milliseconds since 1970. */
  readonly enqueuedAtMs: number;
}

export const TWIN_CHANGE_SOURCE = '/twinChangeNotifications';

/** The source of a telemetry message (iotedge.md 3.6). */
export function telemetrySource(moduleId: string | undefined, outputName: string | undefined): MessageSource {
  if (moduleId === undefined) return '/messages';
  return outputName ? `/messages/modules/${moduleId}/outputs/${outputName}` : `/messages/modules/${moduleId}`;
}
