// A moment on a page: UTC from the server, in the viewer's zone once the script ran, UTC always on hover.

import { formatUtc } from './format.ts';
import { type Html, html } from './html.ts';

export function timeElement(utc: string | null | undefined, form: 'moment' | 'ago' | 'clock' = 'moment'): Html {
  if (!utc) return html`<span class="none">never</span>`;
  const text = formatUtc(utc);
  return html`<time datetime="${utc}" title="${text}" data-form="${form}">${text}</time>`;
}

/** `2026-11-23T01:53:54.1234567Z` of a node's clock. */
export function isMoment(utc: string | null): utc is string {
  return utc !== null && utc !== '' && !utc.startsWith('0001-') && Number.isFinite(Date.parse(utc));
}
