// A RouteTable as bytes and back: header, JSON of the attributes, columns, CRC32. What is damaged is refused whole.

import { crc32 } from 'node:zlib';
import { EdgeError } from '@wayside/kit';
import { type RouteTable, wordsOf } from './route-table.ts';

const MAGIC = Buffer.from('WSBGPR01', 'latin1');
const COUNT_BYTES = 4;
const CRC_BYTES = 4;

interface Header {
  family: 4 | 6;
  size: number;
  /** [asPath, med]. */
  attributes: [string, number | null][];
}

/** Little endian, as every machine this runs on. */
export function encodeTable(table: RouteTable): Buffer {
  const { family, size } = table;
  const attributes = table.attributes.map(({ asPath, med }) => [asPath, med]);
  const header = Buffer.from(
    JSON.stringify({ family, size, attributes } satisfies { [name in keyof Header]: unknown }),
  );
  const headerLength = Buffer.alloc(COUNT_BYTES);
  headerLength.writeUInt32LE(header.length);
  const columns = [...table.words, table.attributeIds, table.lengths].map((column) =>
    Buffer.from(column.buffer, column.byteOffset, column.byteLength),
  );
  const body = Buffer.concat([MAGIC, headerLength, header, ...columns]);
  const checksum = Buffer.alloc(CRC_BYTES);
  checksum.writeUInt32LE(crc32(body));
  return Buffer.concat([body, checksum]);
}

/** BGP_STATE_FILE_INVALID when it is not what encodeTable() made. `name` stands in the message. */
export function decodeTable(bytes: Buffer, name: string): RouteTable {
  const bodyLength = bytes.length - CRC_BYTES;
  const isWhole =
    bodyLength >= MAGIC.length + COUNT_BYTES &&
    bytes.subarray(0, MAGIC.length).equals(MAGIC) &&
    crc32(bytes.subarray(0, bodyLength)) === bytes.readUInt32LE(bodyLength);
  if (!isWhole) throw invalid(name, `${bytes.length} bytes with a wrong mark or checksum`);
  const headerAt = MAGIC.length + COUNT_BYTES;
  const headerEnd = headerAt + bytes.readUInt32LE(MAGIC.length);
  const { family, size, attributes } = JSON.parse(bytes.toString('utf8', headerAt, headerEnd)) as Header;
  let at = headerEnd;
  const take = (length: number) => {
    const copy = new Uint8Array(length);
    copy.set(bytes.subarray(at, at + length));
    at += length;
    return copy;
  };
  const words = Array.from({ length: wordsOf(family) }, () => new Uint32Array(take(size * 4).buffer));
  const attributeIds = new Uint32Array(take(size * 4).buffer);
  const lengths = take(size);
  if (at !== bodyLength) throw invalid(name, `${bytes.length} bytes, wanted ${at + CRC_BYTES}`);
  return {
    ...{ family, size, words, lengths, attributeIds },
    attributes: attributes.map(([asPath, med]) => ({ asPath, med })),
  };
}

function invalid(name: string, why: string): EdgeError {
  return new EdgeError('BGP_STATE_FILE_INVALID', `Cannot read ${name}: ${why}`);
}
