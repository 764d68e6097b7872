// Cuts a byte stream into MQTT control packets [MQTT-2.2] and refuses one that declares too many bytes before any of it is buffered.

const REMAINING_LENGTH_BYTES_MAX = 4;
/** Chunks kept apart: a Buffer costs some 200 bytes, so a packet that comes byte by byte must not become as many Buffers. */
const CHUNKS_MAX = 256;

export class FrameError extends Error {}

export class FrameSplitter {
  #chunks: Buffer[] = [];
  #bytes = 0;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#chunks.length > CHUNKS_MAX) this.#chunks = [Buffer.concat(this.#chunks)];
  }

  get bufferedBytes(): number {
    return this.#bytes;
  }

  get bufferedChunks(): number {
    return this.#chunks.length;
  }

  /** The next whole packet, or undefined until more bytes come. Throws FrameError on a malformed or too long header. */
  next(packetBytesMax: number): Buffer | undefined {
    const total = this.#declaredBytes();
    if (total === undefined) return undefined;
    if (total > packetBytesMax) {
      throw new FrameError(`Packet too large: ${total} bytes declared, at most ${packetBytesMax} allowed`);
    }
    if (this.#bytes < total) return undefined;
    return this.#take(total);
  }

  /** Fixed header + remaining length of the packet in front. */
  #declaredBytes(): number | undefined {
    let remaining = 0;
    for (let index = 1; index <= REMAINING_LENGTH_BYTES_MAX; index++) {
      const byte = this.#byteAt(index);
      if (byte === undefined) return undefined;
      remaining += (byte & 0x7f) * 128 ** (index - 1);
      if ((byte & 0x80) === 0) return 1 + index + remaining;
    }
    throw new FrameError('Malformed remaining length: more than 4 bytes');
  }

  #byteAt(index: number): number | undefined {
    let offset = index;
    for (const chunk of this.#chunks) {
      if (offset < chunk.length) return chunk[offset];
      offset -= chunk.length;
      // The header spans the first few bytes only, so this walks a handful of chunks at most.
    }
    return undefined;
  }

  #take(length: number): Buffer {
    const first = this.#chunks[0]!;
    this.#bytes -= length;
    if (first.length > length) {
      this.#chunks[0] = first.subarray(length);
      return first.subarray(0, length);
    }
    if (first.length === length) {
      this.#chunks.shift();
      return first;
    }
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = joined.length > length ? [joined.subarray(length)] : [];
    return joined.subarray(0, length);
  }
}
