// The viewer's choice of colours, in a cookie so that the server sends the right ones at once.

import type { Request, Response } from 'express';

export type Theme = 'light' | 'dark' | 'auto';

const THEME_COOKIE = '__Host-wayside-theme';
const THEME_SECS = 365 * 86_400;

export function readTheme(text: string | undefined): Theme {
  return text === 'light' || text === 'dark' ? text : 'auto';
}

export function themeOf(request: Pick<Request, 'headers'>): Theme {
  const parts = (request.headers.cookie ?? '').split(';').map((part) => part.trim().split('=', 2));
  return readTheme(parts.find(([name]) => name === THEME_COOKIE)?.[1]);
}

export function keepTheme(response: Response, theme: Theme): void {
  const cookie = `${THEME_COOKIE}=${theme}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${THEME_SECS}`;
  response.append('set-cookie', cookie);
}
