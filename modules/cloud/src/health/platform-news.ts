// What the IoT Hub face tells about nodes, for timeline and judgement: connections, deployments, identities, reported properties.

import { describeError, type Logger } from '@wayside/kit';
import { byWhom, type NewEvent, type Timeline } from '../nodes/timeline.ts';
import type { Platform } from '../platform.ts';

export interface PlatformNewsOptions {
  platform: Pick<Platform, 'on'>;
  timeline: Timeline;
  logger: Logger;
  /** Something happened to the node that its judgement may hang on. */
  wake(nodeName: string): Promise<void>;
}

/** Listens until the returned function is called, which resolves when everything heard is written. */
export function followPlatform({ platform, timeline, logger, wake }: PlatformNewsOptions): () => Promise<void> {
  const writing = new Set<Promise<void>>();
  const tell = (nodeName: string, event: NewEvent | undefined, isJudged = true) => {
    const written = (event ? timeline.record(event) : Promise.resolve())
      .then(() => (isJudged ? wake(nodeName) : undefined))
      .catch((error) =>
        logger.error('Cannot write down what happened', { node: nodeName, error: describeError(error) }),
      )
      .finally(() => writing.delete(written));
    writing.add(written);
  };
  const unsubscribe = [
    platform.on('connection', ({ deviceId, moduleId, connected, reason, atMs }) => {
      const subject = moduleId ?? '';
      const text = `${moduleId ?? 'The device'} ${connected ? 'connected' : `disconnected: ${reason}`}`;
      const details = { connected, reason };
      // Who is connected is no part of the judgement: a node says that it lives by its messages.
      tell(deviceId, { nodeName: deviceId, kind: 'connection', subject, text, details, atMs }, false);
    }),
    platform.on('desired', ({ deviceId, moduleId, version, atMs, by }) => {
      const isDeployment = moduleId === '$edgeAgent';
      const what = isDeployment ? 'Deployment' : `Desired properties of ${moduleId ?? 'the device'}: version`;
      const text = `${what} ${version} set${byWhom(by)}`;
      const subject = isDeployment ? '' : (moduleId ?? '');
      tell(deviceId, { nodeName: deviceId, kind: 'deployment', subject, text, details: { version, by }, atMs });
    }),
    platform.on('reported', ({ deviceId, moduleId }) => {
      if (moduleId === '$edgeAgent') tell(deviceId, undefined);
    }),
    platform.on('identity', ({ deviceId, moduleId, change, atMs }) => {
      const event: NewEvent | undefined =
        moduleId === undefined && change !== 'created'
          ? { nodeName: deviceId, kind: 'node', subject: '', text: `Device ${change} in the registry`, atMs }
          : undefined;
      tell(deviceId, event);
    }),
  ];
  return async () => {
    for (const end of unsubscribe) end();
    await Promise.all(writing);
  };
}
