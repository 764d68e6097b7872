// The service's limits on twin sections, as refusals.

import {
  checkTwinSection,
  type JsonObject,
  TWIN_DEPTH_MAX,
  TWIN_SECTION_BYTES_MAX,
  TWIN_TAGS_BYTES_MAX,
  twinSectionBytes,
} from '@wayside/protocol';
import { refusal } from '../errors.ts';

export type SectionName = 'tags' | 'desired' | 'reported';

const BYTES_MAX: { [S in SectionName]: number } = {
  tags: TWIN_TAGS_BYTES_MAX,
  desired: TWIN_SECTION_BYTES_MAX,
  reported: TWIN_SECTION_BYTES_MAX,
};

/** Problems named in one message; the details hold them all. */
const PROBLEMS_SHOWN_MAX = 5;

/** Throws CLOUD_TWIN_TOO_LARGE or CLOUD_TWIN_INVALID. Use on the patch first (its shape), then on the merged section (its size). */
export function requireTwinSection(name: SectionName, section: JsonObject): void {
  const bytesMax = BYTES_MAX[name];
  const bytes = sectionBytes(name, section);
  if (bytes > bytesMax) {
    throw refusal(
      'CLOUD_TWIN_TOO_LARGE',
      `Cannot store the ${name} section of the twin: it would have ${bytes} bytes, at most ${bytesMax} are allowed`,
    );
  }
  const problems = checkTwinSection(section, { bytesMax });
  if (problems.length === 0) return;
  const shown = problems.slice(0, PROBLEMS_SHOWN_MAX).map((p) => `${p.path}: ${p.message}`);
  const rest = problems.length - shown.length;
  throw refusal(
    'CLOUD_TWIN_INVALID',
    `Cannot store the ${name} section of the twin: ${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`,
    { problems: problems.map((p) => ({ path: p.path, message: p.message })) },
  );
}

// Counting stops with a RangeError at a depth no twin may have; a client can send such JSON over MQTT.
function sectionBytes(name: SectionName, section: JsonObject): number {
  try {
    return twinSectionBytes(section);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw refusal(
      'CLOUD_TWIN_INVALID',
      `Cannot store the ${name} section of the twin: it is nested deeper than ${TWIN_DEPTH_MAX} levels`,
    );
  }
}
