// Which pulled images may go: nobody uses them, they are old enough, and no module would roll back to them. Pure.

import type { ImageUsage, PulledImage } from './image-file.ts';

export interface CleanupFacts {
  usage: ImageUsage;
  /** Ids of images of existing containers, running or not, of any owner. */
  inUse: ReadonlySet<string>;
  nowMs: number;
  ageMs: number;
}

export interface CleanupPlan {
  remove: PulledImage[];
  /** The usage as it is once the images in use are stamped and the removed ones are gone. */
  next: ImageUsage;
}

export function planImageCleanup({ usage, inUse, nowMs, ageMs }: CleanupFacts): CleanupPlan {
  const kept = new Set(Object.values(usage.modules).flatMap(({ current, previous }) => [current, previous]));
  const stamped = usage.pulled.map((image) => (inUse.has(image.id) ? { ...image, lastUsedMs: nowMs } : image));
  // A stamp in the future comes from a clock that was wrong: the image starts its wait now.
  const sane = stamped.map((image) => ({ ...image, lastUsedMs: Math.min(image.lastUsedMs, nowMs) }));
  const remove = sane.filter(
    (image) => !inUse.has(image.id) && !kept.has(image.id) && nowMs - image.lastUsedMs >= ageMs,
  );
  const gone = new Set(remove.map(({ id }) => id));
  return { remove, next: { ...usage, pulled: sane.filter(({ id }) => !gone.has(id)) } };
}

/** Milliseconds until the next clean-up: the next `minuteOfDay` (UTC) on the raster of `recurrenceMs`. */
export function nextCleanupMs(nowMs: number, minuteOfDay: number, recurrenceMs: number): number {
  const DAY_MS = 24 * 60 * 60 * 1000;
  const start = Math.floor(nowMs / DAY_MS) * DAY_MS + minuteOfDay * 60_000;
  if (recurrenceMs <= 0) return DAY_MS;
  const steps = Math.floor((nowMs - start) / recurrenceMs) + 1;
  return start + steps * recurrenceMs - nowMs;
}
