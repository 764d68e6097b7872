// Brings the live parts of the page up to date: the page is fetched again and its parts are morphed in place, so focus and selection stay.

import { Idiomorph } from 'idiomorph';
import { showTimes } from './times.ts';

/** What the server says of this page now, or why it cannot be had. */
export type Refreshed = 'done' | 'signed-out' | 'failed';

let underWay: AbortController | undefined;

/** A newer refresh ends an older one. */
export async function refreshParts(url: string): Promise<Refreshed> {
  underWay?.abort();
  const own = new AbortController();
  underWay = own;
  try {
    const response = await fetch(url, { signal: own.signal, headers: { accept: 'text/html' } });
    if (new URL(response.url).pathname.endsWith('/sign-in')) return 'signed-out';
    if (!response.ok) return 'failed';
    const page = new DOMParser().parseFromString(await response.text(), 'text/html');
    showTimes(page);
    for (const part of document.querySelectorAll('[data-part]')) {
      const fresh = page.getElementById(part.id);
      if (fresh && !fresh.isEqualNode(part)) {
        Idiomorph.morph(part, fresh, { callbacks: { beforeNodeMorphed: mayChange } });
      }
    }
    return 'done';
  } catch {
    return own.signal.aborted ? 'done' : 'failed';
  }
}

/** What a script drew, and what somebody is filling in, is left alone. */
function mayChange(node: Node): boolean {
  return !(node instanceof HTMLElement && 'keep' in node.dataset);
}
