// In-process bus of the platform's events. A listener that throws is logged and harms nobody else.

import { EventEmitter } from 'node:events';
import { describeError, type Logger } from '@wayside/kit';
import type { PlatformEvents } from './platform.ts';

/** Modules, portal streams and waiting calls may all listen; more than this is a leak worth a warning. */
const LISTENERS_MAX = 1_000;

export class PlatformBus {
  private readonly emitter = new EventEmitter();
  private readonly logger: Logger;

  constructor(logger: Logger) {
    this.logger = logger;
    this.emitter.setMaxListeners(LISTENERS_MAX);
  }

  /** Returns the function that takes the listener away again. */
  on<E extends keyof PlatformEvents>(event: E, listener: (value: PlatformEvents[E]) => void): () => void {
    const guarded = (value: PlatformEvents[E]) => {
      try {
        listener(value);
      } catch (error) {
        this.logger.error('A listener of a platform event failed', { event, error: describeError(error) });
      }
    };
    this.emitter.on(event, guarded);
    return () => {
      this.emitter.off(event, guarded);
    };
  }

  emit<E extends keyof PlatformEvents>(event: E, value: PlatformEvents[E]): void {
    this.emitter.emit(event, value);
  }
}
