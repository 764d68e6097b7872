// Reads what a client asks for: which host's content (cacheHostOrigin, absolute form or Host) and the target as the origin is to see it.

/** Query parameter that names the origin (connected-cache 2.2); the client appends it last. */
const ORIGIN_PARAMETER = 'cachehostorigin';
/** Longest target accepted, bytes; longer ones are answered 414. */
export const TARGET_BYTES_MAX = 8192;

export interface ContentRequest {
  /** Host in lower case without a trailing dot; '' when none was given. */
  host: string;
  /** Port the client named, null for none. */
  port: number | null;
  /** Path and query for the origin: byte for byte the client's, minus the origin parameter. */
  target: string;
  /** Where the host came from. */
  form: 'parameter' | 'authority';
}

/**
 * @param url request target as received (origin form or absolute form, RFC 9112 3.2)
 * @param hostHeader value of Host, undefined when absent
 * @returns undefined when the target is no path or URL
 */
export function parseContentRequest(url: string, hostHeader: string | undefined): ContentRequest | undefined {
  let target = url;
  let authority = hostHeader ?? '';
  // RFC 9112 3.2.2: in absolute form the target's authority outranks Host.
  const absolute = /^http:\/\/([^/?#]*)(.*)$/is.exec(url);
  if (absolute) {
    authority = absolute[1] ?? '';
    target = absolute[2] ?? '';
    if (!target.startsWith('/')) target = `/${target}`;
  }
  if (!target.startsWith('/')) return undefined;
  const fragment = target.indexOf('#');
  if (fragment >= 0) target = target.slice(0, fragment);
  const mark = target.indexOf('?');
  if (mark < 0) return { ...splitAuthority(authority), target, form: 'authority' };

  let named: string | undefined;
  const kept: string[] = [];
  for (const part of target.slice(mark + 1).split('&')) {
    const equals = part.indexOf('=');
    const name = equals < 0 ? part : part.slice(0, equals);
    if (name.toLowerCase() === ORIGIN_PARAMETER) named = equals < 0 ? '' : part.slice(equals + 1);
    else kept.push(part);
  }
  if (named === undefined) return { ...splitAuthority(authority), target, form: 'authority' };
  const query = kept.join('&');
  return {
    ...splitAuthority(decode(named)),
    target: query === '' ? target.slice(0, mark) : `${target.slice(0, mark)}?${query}`,
    form: 'parameter',
  };
}

/** `host[:port]` -> parts. An IPv6 literal keeps its brackets, so that it never passes for a name. */
function splitAuthority(authority: string): { host: string; port: number | null } {
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d{1,5}))?$/.exec(authority.trim());
  if (!match) return { host: '', port: null };
  const host = (match[1] ?? '').toLowerCase().replace(/\.$/, '');
  return { host, port: match[2] === undefined ? null : Number(match[2]) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
