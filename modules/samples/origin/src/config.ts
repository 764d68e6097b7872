// Settings of the origin, from the environment; every problem is named at once.

export interface OriginConfig {
  port: number;
  /** Bytes a second for all answers together; undefined = as fast as it goes. */
  rateBytesPerSec: number | undefined;
}

const PORT_DEFAULT = 8080;

/** Throws an Error that lists every problem. */
export function readConfig(env: { [name: string]: string | undefined }): OriginConfig {
  const problems: string[] = [];
  const whole = (name: string, fallback: number | undefined, max: number): number | undefined => {
    const text = env[name] ?? '';
    if (text === '') return fallback;
    const value = Number(text);
    if (/^\d{1,15}$/.test(text) && value >= 1 && value <= max) return value;
    problems.push(`${name} is ${JSON.stringify(text)}, wanted a whole number from 1 to ${max}`);
    return fallback;
  };
  const port = whole('PORT', PORT_DEFAULT, 65535) as number;
  const rateBytesPerSec = whole('RATE_BYTES_PER_SEC', undefined, Number.MAX_SAFE_INTEGER);
  if (problems.length > 0) throw new Error(`Configuration is invalid: ${problems.join('; ')}`);
  return { port, rateBytesPerSec };
}
