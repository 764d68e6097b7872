// The few pictures of the portal, as inline SVG in the colour of the text beside them.

import { type Html, html } from './html.ts';
import type { Theme } from './theme.ts';

export function mark(): Html {
  return html`<svg class="mark" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true" focusable="false"><rect x="1" y="1" width="22" height="22" rx="6" class="mark-ground"/><path d="M5 8l3.2 8.5L12 9.5l3.8 7L19 8" fill="none" class="mark-line" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round"/></svg>`;
}

const THEME_PATHS: { readonly [theme in Theme]: string } = {
  light:
    'M12 7a5 5 0 100 10 5 5 0 000-10zM12 1v3M12 20v3M1 12h3M20 12h3M4.2 4.2l2.1 2.1M17.7 17.7l2.1 2.1M4.2 19.8l2.1-2.1M17.7 6.3l2.1-2.1',
  dark: 'M20 14.5A8.5 8.5 0 019.5 4a8.5 8.5 0 1010.5 10.5z',
  auto: 'M12 3a9 9 0 100 18 9 9 0 000-18zM12 3v18M12 7l5-1M12 11h8.5M12 15h7.5M12 19h3',
};

export function themeIcon(theme: Theme): Html {
  return html`<svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true" focusable="false"><path d="${THEME_PATHS[theme]}" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"/></svg>`;
}

/** Tone of a state: colour and shape say the same, so that neither is needed alone. */
export type Tone = 'healthy' | 'attention' | 'fault' | 'off' | 'stale' | 'busy';

const TONE_SHAPES: { readonly [tone in Tone]: Html } = {
  healthy: html`<circle cx="8" cy="8" r="7"/><path d="M4.8 8.3l2.2 2.2 4.3-4.6" class="cut"/>`,
  attention: html`<path d="M8 1.2l7.2 13H.8z"/><path d="M8 6v3.6M8 11.8v.4" class="cut"/>`,
  fault: html`<path d="M5 1h6l4 4v6l-4 4H5l-4-4V5z"/><path d="M5.5 5.5l5 5M10.5 5.5l-5 5" class="cut"/>`,
  off: html`<circle cx="8" cy="8" r="6.2" class="ring"/><path d="M5 8h6" class="line"/>`,
  stale: html`<circle cx="8" cy="8" r="6.2" class="ring dashed"/><path d="M8 4.6V8l2.4 1.6" class="line"/>`,
  busy: html`<circle cx="8" cy="8" r="6.2" class="ring"/><path d="M8 1.8a6.2 6.2 0 016.2 6.2H8z"/>`,
};

export function toneIcon(tone: Tone): Html {
  return html`<svg class="tone-icon" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" focusable="false">${TONE_SHAPES[tone]}</svg>`;
}

/** Coloured word with its shape. */
export function badge(tone: Tone, text: string): Html {
  return html`<span class="badge ${tone}">${toneIcon(tone)}<span>${text}</span></span>`;
}
