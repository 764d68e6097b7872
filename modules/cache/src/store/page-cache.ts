// Whether a part of a file is in the kernel's page cache.

import { native } from './native.ts';

/** Pages of [offset, offset + bytes) in memory; undefined when the kernel cannot say. */
export function cachedPages(fd: number, offset: number, bytes: number): number | undefined {
  return native?.cachedPages(fd, offset, bytes);
}
