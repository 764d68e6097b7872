// What header values mean, remembered by their text: objects of one origin mostly say the same thing.

/** Values remembered; all are forgotten when there are more. */
const VALUES_MAX = 1000;
/** Longer values are read each time. */
const VALUE_CHARS_MAX = 256;

/** `read` for each text once, as long as it is remembered. It must be pure, and what it answers is shared: nobody may change it. */
export function knownValues<T>(read: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    if (text.length > VALUE_CHARS_MAX) return read(text);
    let value = known.get(text);
    if (value === undefined && !known.has(text)) {
      if (known.size >= VALUES_MAX) known.clear();
      value = read(text);
      known.set(text, value);
    }
    return value as T;
  };
}
