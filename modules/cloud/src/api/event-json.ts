// An event of the timeline as the API writes it, in pages and in the stream.

import type { TimelineEvent } from '../nodes/timeline.ts';

export function toEvent(event: TimelineEvent) {
  const { seq, nodeName, atMs, kind, subject, text, details } = event;
  return { seq, nodeName, atUtc: new Date(atMs).toISOString(), kind, subject, text, details };
}
