// Twin documents and their merge rules (RFC 7396 merge patch plus IoT Hub's limits, iotedge.md 1.8, cloud.md 1.5).

import type { JsonObject } from './json.ts';

/** Largest desired or reported section, by the service's counting (keys + values: strings by characters, numbers 8, booleans 4). */
export const TWIN_SECTION_BYTES_MAX = 32 * 1024;
export const TWIN_TAGS_BYTES_MAX = 8 * 1024;
export const TWIN_DEPTH_MAX = 10;
export const TWIN_STRING_BYTES_MAX = 4096;
export const TWIN_KEY_BYTES_MAX = 1024;
export const TWIN_INTEGER_MIN = -4503599627370496;
export const TWIN_INTEGER_MAX = 4503599627370495;

export type TwinProblem = { path: string; message: string };

export interface TwinProperties {
  desired: JsonObject & { $version: number };
  reported: JsonObject & { $version: number };
}

/** RFC 7396: objects merge recursively, null deletes, arrays and scalars replace. Returns a new object; inputs are not changed; safe for `__proto__` keys. */
export declare function mergePatch(target: JsonObject, patch: JsonObject): JsonObject;
/** Smallest merge patch that turns `from` into `to`; {} when equal. */
export declare function diffPatch(from: JsonObject, to: JsonObject): JsonObject;
/** Every breach of the twin limits in a section (before or after merge); [] = fine. Names the offending path and current and allowed value. */
export declare function checkTwinSection(section: JsonObject, limits?: { bytesMax: number }): TwinProblem[];
/** Size by the service's counting, in bytes. */
export declare function twinSectionBytes(section: JsonObject): number;
/** Deep equality of JSON values, key order ignored. */
export declare function jsonEqual(a: unknown, b: unknown): boolean;
