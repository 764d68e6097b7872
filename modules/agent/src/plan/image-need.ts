// Decides whether the image of a definition is at hand, is to be fetched, or is waited for. Pure.

import { type DesiredModule, type Facts, imageKey, type Step, stepKey, type Wait } from './model.ts';

export interface ImageNeed {
  ready: boolean;
  steps: Step[];
  waits: Wait[];
  why: string;
  retryAtMs?: number;
}

const READY: ImageNeed = { ready: true, steps: [], waits: [], why: '' };

/**
 * A definition that has run before needs no pull to be made again: the image is on the node, and the registry may be out of
 * reach. Only when making the container then fails is the image fetched.
 */
export function prepareImage(module: DesiredModule, facts: Facts, isMissing: boolean): ImageNeed {
  const image = facts.images.get(imageKey(module));
  if (image?.state === 'ready') return READY;
  const hasRunBefore = facts.lastGood.get(module.name) === module.fingerprint;
  const hasFailed = facts.attempts.has(stepKey('create', module.name));
  if (isMissing && hasRunBefore && !hasFailed && image === undefined) return READY;
  if (image?.state === 'pulling') {
    const why = `image ${module.image} is being pulled`;
    return { ready: false, steps: [], waits: [{ subject: module.name, reason: 'image', why }], why };
  }
  if (image?.state === 'failed' && image.retryAtMs > facts.nowMs) {
    const why = `cannot pull image ${module.image}: ${image.error}`;
    const waits: Wait[] = [{ subject: module.name, reason: 'image', why, untilMs: image.retryAtMs }];
    return { ready: false, steps: [], waits, why, retryAtMs: image.retryAtMs };
  }
  const why =
    image?.state === 'failed'
      ? `cannot pull image ${module.image}: ${image.error}`
      : `image ${module.image} is being pulled`;
  return { ready: false, steps: [{ kind: 'prepareImage', name: module.name, module }], waits: [], why };
}
