// Tags that an origin puts on its responses, so that what belongs together can be purged together.

/** Header (lower case) and what separates its tags. */
const TAG_HEADERS: readonly (readonly [string, RegExp])[] = [
  ['cache-tag', /\s*,\s*/],
  ['edge-cache-tag', /\s*,\s*/],
  ['surrogate-key', /\s+/],
];
/** Tags kept of one object, and the longest; further ones are left out. */
export const TAGS_MAX = 128;
export const TAG_CHARACTERS_MAX = 256;

const NONE: readonly string[] = [];

/** Each tag once, as the origin wrote it. @param headers by lower-case name */
export function tagsOf(headers: Readonly<Record<string, string>>): readonly string[] {
  let tags: Set<string> | undefined;
  for (const [name, separator] of TAG_HEADERS) {
    const value = headers[name];
    if (value === undefined) continue;
    tags ??= new Set();
    for (const tag of value.trim().split(separator)) {
      if (tag !== '' && tag.length <= TAG_CHARACTERS_MAX && tags.size < TAGS_MAX) tags.add(tag);
    }
  }
  return tags === undefined ? NONE : [...tags];
}
