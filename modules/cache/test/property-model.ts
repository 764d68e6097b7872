// What a cache may answer: for each path the versions that its origin ever had, which of them a purge has ruled out, and the bytes of each.

export interface Version {
  number: number;
  etag: string;
  body: Buffer;
}

export interface PathModel {
  path: string;
  versions: Version[];
  /** Versions below may not be served any more: a purge came after them. */
  oldestValid: number;
  /** Newest version that a client got whole; an older one may come back only out of a crash. */
  newestSeen: number;
}

/** What a client got; `isWhole` false when the connection ended before the body did. */
export interface Answer {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  body: Buffer;
  isWhole: boolean;
}

export interface Asked {
  method: 'GET' | 'HEAD';
  /** [first, last] as asked; last undefined = to the end, first negative = that many from the end. */
  ranges: [number, number | undefined][];
  ifNoneMatch?: string;
  ifRange?: string;
  /** When the request began. */
  oldestValid: number;
  newestSeen: number;
}

/** Bytes that only this version of this path has at this place, so that a mixture shows. */
export function bodyOf(seed: number, sizeBytes: number): Buffer {
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  let state = (seed | 1) >>> 0;
  for (let i = 0; i < words.length; i += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    words[i] = state ^ i;
  }
  return Buffer.from(words.buffer, 0, sizeBytes);
}

export class CacheModel {
  readonly paths = new Map<string, PathModel>();

  /** @returns the path's new current version */
  change(path: string, seed: number, sizeBytes: number): Version {
    const found = this.paths.get(path) ?? { path, versions: [], oldestValid: 0, newestSeen: 0 };
    this.paths.set(path, found);
    const version = {
      number: found.versions.length,
      etag: `"${path.slice(1)}-${found.versions.length}"`,
      body: bodyOf(seed, sizeBytes),
    };
    found.versions.push(version);
    return version;
  }

  /** Why this answer cannot be, undefined when it can. */
  judge(model: PathModel, asked: Asked, { status, headers, body, isWhole }: Answer): string | undefined {
    // The origin's own trouble, its error page whole or not.
    if (status >= 500) return undefined;
    const { etag } = headers;
    if (status === 416) return this.#judgeUnsatisfied(model, asked, String(headers['content-range']));
    const version = model.versions.find((candidate) => candidate.etag === etag);
    if (version === undefined) return `status ${status} with ETag ${etag}, which no version has`;
    if (version.number < asked.oldestValid)
      return `version ${version.number}, purged up to ${asked.oldestValid} before it was asked for`;
    if (version.number < asked.newestSeen) return `version ${version.number} after ${asked.newestSeen} had been seen`;
    if (status === 304)
      return asked.ifNoneMatch === version.etag ? undefined : `304 for ${asked.ifNoneMatch} from ${version.etag}`;
    if (status !== 200 && status !== 206) return `status ${status}`;
    const expected = this.#expectedBody(asked, version, status, headers);
    if (typeof expected === 'string') return expected;
    const promised = Number(headers['content-length']);
    // RFC 9110 8.6: an answer to HEAD may leave the length out; the origin had none.
    if (asked.method === 'HEAD')
      return body.length === 0 && (Number.isNaN(promised) || promised === version.body.length)
        ? undefined
        : `HEAD with length ${promised}`;
    if (isWhole && promised !== body.length) return `${body.length} bytes, Content-Length ${promised}`;
    if (isWhole && body.length !== expected.length) return `${body.length} bytes, wanted ${expected.length}`;
    if (!isWhole && body.length >= expected.length) return 'a body that is whole and broken off';
    const wrong = firstDifference(body, expected);
    return wrong < 0 ? undefined : `wrong byte at ${wrong} of ${expected.length}, version ${version.number}`;
  }

  #judgeUnsatisfied(model: PathModel, asked: Asked, contentRange: string): string | undefined {
    const size = Number(/^bytes \*\/(\d+)$/.exec(contentRange)?.[1]);
    const fits = model.versions.some(
      ({ body, number }) =>
        number >= asked.oldestValid &&
        body.length === size &&
        asked.ranges.length > 0 &&
        resolve(asked.ranges, size).length === 0,
    );
    return fits ? undefined : `416 with "${contentRange}"`;
  }

  #expectedBody(asked: Asked, version: Version, status: number, headers: Answer['headers']): Buffer | string {
    const { body } = version;
    const isRange =
      asked.method === 'GET' &&
      asked.ranges.length > 0 &&
      (asked.ifRange === undefined || asked.ifRange === version.etag);
    if (!isRange) return status === 200 ? body : `status ${status} without a range that counts`;
    if (status !== 206) return `status ${status} for a range`;
    const ranges = resolve(asked.ranges, body.length);
    const [only] = ranges;
    if (only === undefined) return '206 for a range that cannot be satisfied';
    if (ranges.length === 1) {
      const wanted = `bytes ${only[0]}-${only[1] - 1}/${body.length}`;
      return headers['content-range'] === wanted
        ? body.subarray(only[0], only[1])
        : `Content-Range "${headers['content-range']}", wanted "${wanted}"`;
    }
    return this.#expectedParts(ranges, body, headers);
  }

  /** multipart/byteranges: the text between the parts is the cache's own, so it is built from the boundary that it chose. */
  #expectedParts(ranges: [number, number][], body: Buffer, headers: Answer['headers']): Buffer | string {
    const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(String(headers['content-type']))?.[1];
    if (boundary === undefined) return `Content-Type "${headers['content-type']}" for several ranges`;
    const parts = ranges.flatMap(([start, end], i) => [
      Buffer.from(
        `${i === 0 ? '' : '\r\n'}--${boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes ${start}-${end - 1}/${body.length}\r\n\r\n`,
      ),
      body.subarray(start, end),
    ]);
    return Buffer.concat([...parts, Buffer.from(`\r\n--${boundary}--\r\n`)]);
  }
}

/** [start, end) of each satisfiable range; the ranges that are asked here never touch each other. */
function resolve(ranges: Asked['ranges'], size: number): [number, number][] {
  const resolved: [number, number][] = [];
  for (const [first, last] of ranges) {
    const start = first < 0 ? Math.max(0, size + first) : first;
    if (start < size) resolved.push([start, last === undefined ? size : Math.min(size, last + 1)]);
  }
  return resolved;
}

function firstDifference(got: Buffer, wanted: Buffer): number {
  const length = Math.min(got.length, wanted.length);
  if (got.subarray(0, length).equals(wanted.subarray(0, length))) return -1;
  for (let i = 0; i < length; i += 1) if (got[i] !== wanted[i]) return i;
  return -1;
}
