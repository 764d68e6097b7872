// Refuses JSON that is nested absurdly deep, before code that walks it by recursion sees it.

import type { RequestHandler } from 'express';
import { refusal } from '../errors.ts';

/** Levels of a body: a twin has 10, a manifest around it 5 more. */
export const BODY_DEPTH_MAX = 64;

/** True when `value` has no more than `levels` levels. Works without recursion. */
export function isWithinDepth(value: unknown, levels: number): boolean {
  let layer: unknown[] = [value];
  for (let depth = 0; depth <= levels; depth += 1) {
    const next: unknown[] = [];
    for (const item of layer) {
      if (typeof item === 'object' && item !== null) for (const child of Object.values(item)) next.push(child);
    }
    if (next.length === 0) return true;
    layer = next;
  }
  return false;
}

export const requireBodyDepth: RequestHandler = (request, _response, next) => {
  next(
    isWithinDepth(request.body, BODY_DEPTH_MAX)
      ? undefined
      : refusal('CLOUD_ARGUMENT_INVALID', `Cannot use the body: it is nested deeper than ${BODY_DEPTH_MAX} levels`),
  );
};
