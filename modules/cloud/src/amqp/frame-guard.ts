// Looks at the bytes an AMQP client sends before the library does: a frame, and what is sent without ever making a whole message, stays
// within bounds, whatever the client announces.

/** Largest frame that is announced and taken [AMQP 2.7.1 max-frame-size]. */
export const FRAME_BYTES_MAX = 64 * 1024;
/** Before the client has proved who it is. */
const FRAME_BYTES_MAX_UNPROVED = 16 * 1024;
/** Received since the last whole message or settlement. */
const IDLE_BYTES_MAX = 1024 * 1024;
const HEADER_BYTES = 8;
const SIZE_BYTES = 4;
const PROTOCOL = Buffer.from('AMQP');

export class FrameGuard {
  /** Set when the client has proved who it is. */
  isProved = false;
  private idleBytes = 0;
  /** Bytes of the frame or header under way that have not come. */
  private left = 0;
  private size: number[] = [];

  /** undefined, or why the connection must end. */
  take(chunk: Uint8Array): string | undefined {
    this.idleBytes += chunk.length;
    if (this.idleBytes > IDLE_BYTES_MAX) return `${this.idleBytes} bytes without a whole message`;
    for (let at = 0; at < chunk.length; ) {
      if (this.left > 0) {
        const step = Math.min(this.left, chunk.length - at);
        this.left -= step;
        at += step;
        continue;
      }
      this.size.push(chunk[at]!);
      at += 1;
      if (this.size.length < SIZE_BYTES) continue;
      const bytes = this.frameBytes();
      this.size = [];
      const bytesMax = this.isProved ? FRAME_BYTES_MAX : FRAME_BYTES_MAX_UNPROVED;
      if (bytes < HEADER_BYTES || bytes > bytesMax) return `a frame of ${bytes} bytes, wanted 8 to ${bytesMax}`;
      this.left = bytes - SIZE_BYTES;
    }
    return undefined;
  }

  /** A message or settlement was whole. */
  progressed(): void {
    this.idleBytes = 0;
  }

  private frameBytes(): number {
    const size = Buffer.from(this.size);
    return size.equals(PROTOCOL) ? HEADER_BYTES : size.readUInt32BE(0);
  }
}
