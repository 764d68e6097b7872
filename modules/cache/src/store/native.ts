// System calls that Node has no API for, through its built-in FFI (on by default since Node 26.10). Missing ones are undefined.

import { createRequire } from 'node:module';

export interface NativeCalls {
  /** sendfile(2): bytes sent, or < 0 when the socket takes nothing now (or the call failed). */
  sendfile(socketFd: number, fileFd: number, offset: number, bytes: number): number;
  /** send(2) without waiting: bytes sent, or < 0 when the socket takes nothing now (or the call failed). `hasMore`: MSG_MORE, others follow at once. */
  send(socketFd: number, bytes: Buffer, length: number, hasMore: boolean): number;
  /** writev(2) of two pieces on a socket that does not wait: bytes taken, or < 0 when it takes nothing now (or the call failed). */
  sendBoth(socketFd: number, first: Buffer, firstLength: number, second: Buffer): number;
  /** cachestat(2), Linux 6.5: pages of the file's range in memory; undefined when the kernel or its filter refuses. */
  cachedPages(fileFd: number, offset: number, bytes: number): number | undefined;
  /** fallocate(2): allots blocks for a part of a file without writing, its size stays; false when there is no room or no support. */
  preallocate(fileFd: number, offset: number, bytes: number): boolean;
  /** fallocate(2): gives the blocks of a part of a file back, it reads as zeros; false when the file system cannot. */
  punchHole(fileFd: number, offset: number, bytes: number): boolean;
  /** ioctl(2) SIOCOUTQ: bytes of a TCP socket that the other side has not acknowledged; undefined when the kernel does not say. */
  unacknowledgedBytes(socketFd: number): number | undefined;
  /** posix_fadvise(2): the pages of a part of a file are not needed in memory. */
  dropPages(fileFd: number, offset: number, bytes: number): void;
}

/** x86-64, arm64 and riscv64 share this number. */
const SYS_CACHESTAT = 451n;
/** linux/falloc.h, fcntl.h */
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const POSIX_FADV_DONTNEED = 4;

/** linux/sockios.h: the same as TIOCOUTQ. */
const SIOCOUTQ = 0x5411n;

const TWO_TO_32 = 2 ** 32;
/** One call moves at most this, whatever is asked. */
const CALL_BYTES_MAX = 2 ** 30;
/** linux/socket.h: MSG_DONTWAIT | MSG_NOSIGNAL. */
const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
const MSG_MORE = 0x8000;

function loadNative(): NativeCalls | undefined {
  if (process.platform !== 'linux') return undefined;
  let ffi: typeof import('node:ffi');
  try {
    // Not a static import: a Node without FFI must still start and serve by streams.
    ffi = createRequire(import.meta.url)('node:ffi') as typeof import('node:ffi');
  } catch {
    return undefined;
  }
  const { functions } = ffi.dlopen(null, {
    // Never more than 2 GiB at once, so 32 bits hold counts and results: numbers instead of BigInts.
    sendfile: { return: 'int32', arguments: ['int32', 'int32', 'buffer', 'uint32'] },
    send: { return: 'int32', arguments: ['int32', 'buffer', 'uint32', 'int32'] },
    writev: { return: 'int32', arguments: ['int32', 'buffer', 'int32'] },
    fallocate: { return: 'int32', arguments: ['int32', 'int32', 'int64', 'int64'] },
    ioctl: { return: 'int32', arguments: ['int32', 'uint64', 'buffer'] },
    posix_fadvise: { return: 'int32', arguments: ['int32', 'int64', 'int64', 'int32'] },
    syscall: { return: 'int64', arguments: ['int64', 'int64', 'buffer', 'buffer', 'int64'] },
  });
  const offsetWords = new Uint32Array(2);
  const offsetBytes = Buffer.from(offsetWords.buffer);
  /** struct iovec[2]: address and length, twice. */
  const vectorWords = new BigUint64Array(4);
  const vectorBytes = Buffer.from(vectorWords.buffer);
  const rangeWords = new BigUint64Array(2);
  const rangeBytes = Buffer.from(rangeWords.buffer);
  const statWords = new BigUint64Array(5);
  const statBytes = Buffer.from(statWords.buffer);
  const countWords = new Int32Array(1);
  const countBytes = Buffer.from(countWords.buffer);
  let hasCachestat = true;
  return {
    sendfile(socketFd, fileFd, offset, bytes) {
      offsetWords[0] = offset % TWO_TO_32;
      offsetWords[1] = offset / TWO_TO_32;
      return functions.sendfile(socketFd, fileFd, offsetBytes, Math.min(bytes, CALL_BYTES_MAX)) as number;
    },
    send(socketFd, bytes, length, hasMore) {
      return functions.send(
        socketFd,
        bytes,
        length,
        hasMore ? MSG_DONTWAIT_NOSIGNAL | MSG_MORE : MSG_DONTWAIT_NOSIGNAL,
      ) as number;
    },
    sendBoth(socketFd, first, firstLength, second) {
      vectorWords[0] = ffi.getRawPointer(first);
      vectorWords[1] = BigInt(firstLength);
      vectorWords[2] = ffi.getRawPointer(second);
      vectorWords[3] = BigInt(second.length);
      return functions.writev(socketFd, vectorBytes, 2) as number;
    },
    cachedPages(fileFd, offset, bytes) {
      if (!hasCachestat) return undefined;
      rangeWords[0] = BigInt(offset);
      rangeWords[1] = BigInt(bytes);
      if (functions.syscall(SYS_CACHESTAT, BigInt(fileFd), rangeBytes, statBytes, 0n) !== 0n) {
        hasCachestat = false;
        return undefined;
      }
      return Number(statWords[0]);
    },
    preallocate(fileFd, offset, bytes) {
      return functions.fallocate(fileFd, FALLOC_FL_KEEP_SIZE, BigInt(offset), BigInt(bytes)) === 0;
    },
    punchHole(fileFd, offset, bytes) {
      const mode = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE;
      return functions.fallocate(fileFd, mode, BigInt(offset), BigInt(bytes)) === 0;
    },
    unacknowledgedBytes(socketFd) {
      return functions.ioctl(socketFd, SIOCOUTQ, countBytes) === 0 ? countWords[0] : undefined;
    },
    dropPages(fileFd, offset, bytes) {
      functions.posix_fadvise(fileFd, BigInt(offset), BigInt(bytes), POSIX_FADV_DONTNEED);
    },
  };
}

export const native: NativeCalls | undefined = loadNative();
