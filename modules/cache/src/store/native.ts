// System calls that Node has no API for, through its built-in FFI (on by default since Node 26.10). Missing ones are undefined.

import { createRequire } from 'node:module';

export interface NativeCalls {
  /** sendfile(2): bytes sent, or < 0 when the socket takes nothing now (or the call failed). */
  sendfile(socketFd: number, fileFd: number, offset: number, bytes: number): number;
  /** cachestat(2), Linux 6.5: pages of the file's range in memory; undefined when the kernel or its filter refuses. */
  cachedPages(fileFd: number, offset: number, bytes: number): number | undefined;
}

/** x86-64, arm64 and riscv64 share this number. */
const SYS_CACHESTAT = 451n;

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
    sendfile: { return: 'int64', arguments: ['int32', 'int32', 'buffer', 'uint64'] },
    syscall: { return: 'int64', arguments: ['int64', 'int64', 'buffer', 'buffer', 'int64'] },
  });
  const offsetWord = new BigInt64Array(1);
  const offsetBytes = Buffer.from(offsetWord.buffer);
  const rangeWords = new BigUint64Array(2);
  const rangeBytes = Buffer.from(rangeWords.buffer);
  const statWords = new BigUint64Array(5);
  const statBytes = Buffer.from(statWords.buffer);
  let hasCachestat = true;
  return {
    sendfile(socketFd, fileFd, offset, bytes) {
      offsetWord[0] = BigInt(offset);
      return Number(functions.sendfile(socketFd, fileFd, offsetBytes, BigInt(bytes)));
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
  };
}

export const native: NativeCalls | undefined = loadNative();
