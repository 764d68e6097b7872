// A disk for tests that can be filled, unmounted, swapped, made read-only and made to fail: ext4 in a file, mounted by a loop device. Needs root.

import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** linux/fs.h: every later access to the file system fails with EIO; nothing more reaches the device. */
const FS_IOC_SHUTDOWN = 0x8004587dn;
const SHUTDOWN_NO_LOG_FLUSH = 2;
/** Work at the file system ends before it can be unmounted; on a loaded machine that takes a moment. */
const UNMOUNT_TRIES = 100;

const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    .toString()
    .trim();

/** Why there are no such disks here, null when there are. */
export function whyNoDisks(): string | null {
  if (process.getuid?.() !== 0) return 'not root';
  try {
    const disk = new TestDisk(16);
    disk.remove();
    return null;
  } catch (error) {
    return (error as Error).message.split('\n', 1)[0] as string;
  }
}

export class TestDisk {
  /** Where it is mounted. */
  readonly path: string;
  readonly #root: string;
  readonly #image: string;
  #device = '';

  /** @param at another folder to be mounted on, a disk of its own otherwise */
  constructor(sizeMib: number, at?: string) {
    this.#root = mkdtempSync(join(tmpdir(), 'wayside-disk-'));
    this.#image = join(this.#root, 'image');
    this.path = at ?? join(this.#root, 'mounted');
    if (at === undefined) mkdirSync(this.path);
    writeFileSync(this.#image, '');
    truncateSync(this.#image, sizeMib * 1024 * 1024);
    // No blocks kept for root, no lazy writing to the device afterwards; all of the file system's own blocks lie in front.
    const options = 'lazy_itable_init=0,lazy_journal_init=0,nodiscard';
    run('mkfs.ext4', '-q', '-F', '-m', '0', '-b', '4096', '-J', 'size=4', '-E', options, this.#image);
    if (at === undefined) this.mount();
  }

  get #ballast(): string {
    return join(this.path, 'others', 'ballast');
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return bavail * bsize;
  }

  mount(): void {
    this.#device = run('losetup', '--find', '--show', this.#image);
    run('mount', '-o', 'errors=remount-ro', this.#device, this.path);
  }

  /** Takes it off its folder at once; who has files open keeps them. */
  detach(): void {
    run('umount', '--lazy', this.path);
    run('losetup', '--detach', this.#device);
  }

  /** Waits until nobody uses it; then it is off. */
  async unmount(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        run('umount', this.path);
        break;
      } catch (error) {
        if (tries === UNMOUNT_TRIES) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    run('losetup', '--detach', this.#device);
  }

  sync(): void {
    run('sync', '--file-system', this.path);
  }

  /** From here on every access to it is an I/O error, until it is unmounted and mounted again. */
  fail(): void {
    const ffi = createRequire(import.meta.url)('node:ffi') as typeof import('node:ffi');
    const { functions } = ffi.dlopen(null, { ioctl: { return: 'int32', arguments: ['int32', 'uint64', 'buffer'] } });
    const fd = openSync(this.path, 'r');
    try {
      const flags = Buffer.alloc(4);
      flags.writeUInt32LE(SHUTDOWN_NO_LOG_FLUSH);
      if (functions.ioctl(fd, FS_IOC_SHUTDOWN, flags) !== 0) throw new Error('the file system cannot be shut down');
    } finally {
      closeSync(fd);
    }
  }

  /** Sectors behind the first `keptMib` can not be read any more until they are written again. */
  loseSectors(keptMib: number): void {
    this.sync();
    truncateSync(this.#image, keptMib * 1024 * 1024);
    run('sh', '-c', 'echo 3 > /proc/sys/vm/drop_caches');
  }

  /** As after an error that ext4 found in itself: nothing can be written any more. */
  makeReadOnly(): void {
    writeFileSync(`/sys/fs/ext4/${this.#device.replace('/dev/', '')}/trigger_fs_error`, 'test');
  }

  /** Another program takes all that is left but so much; when others are faster, as much as it gets. */
  fill(leftBytes: number): void {
    mkdirSync(join(this.path, 'others'), { recursive: true });
    const wanted = this.freeBytes - leftBytes;
    if (wanted > 0) run('sh', '-c', `head -c ${wanted} /dev/zero > ${this.#ballast} 2>&1 || true`);
  }

  empty(): void {
    rmSync(this.#ballast, { force: true });
  }

  /** Off, and gone. */
  remove(): void {
    try {
      run('umount', '--lazy', this.path);
    } catch {
      // Not mounted.
    }
    try {
      run('losetup', '--detach', this.#device);
    } catch {
      // Detached already.
    }
    rmSync(this.#image, { force: true });
    if (this.path.startsWith(this.#root)) rmdirSync(this.path);
    rmdirSync(this.#root);
  }
}
