// The frame of every page: head, navigation, title, the place where live parts say that they are out of date.

import type { Right } from '../people/roles.ts';
import type { Assets } from './assets.ts';
import { postForm } from './form.ts';
import { attributes, type Html, html, NOTHING } from './html.ts';
import { mark, themeIcon } from './icons.ts';
import { PORTAL } from './portal-path.ts';
import type { Section, View, Visit } from './visit.ts';

interface NavItem {
  section: Section;
  label: string;
  href: string;
  right: Right;
}

const NAV: readonly NavItem[] = [
  { section: 'overview', label: 'Overview', href: PORTAL, right: 'read' },
  { section: 'nodes', label: 'Cache nodes', href: `${PORTAL}/nodes`, right: 'read' },
  { section: 'deployments', label: 'Deployments', href: `${PORTAL}/deployments`, right: 'read' },
  { section: 'routing', label: 'Routing', href: `${PORTAL}/routing`, right: 'read' },
  { section: 'people', label: 'Users', href: `${PORTAL}/people`, right: 'admin' },
  { section: 'audit', label: 'Audit log', href: `${PORTAL}/audit`, right: 'admin' },
];

const NEXT_THEME = { auto: 'dark', dark: 'light', light: 'auto' } as const;
const THEME_NAMES = { auto: 'as the system', dark: 'dark', light: 'light' } as const;

export function renderPage(visit: Visit, view: View, assets: Assets, version: string): Html {
  const live = view.live ? { 'data-live': view.live.node ?? '*' } : {};
  const style = assets.hrefOf('portal.css');
  const script = assets.hrefOf('app.js');
  const theme = visit.theme === 'auto' ? undefined : visit.theme;
  return html`<!doctype html>
<html lang="en"${attributes({ 'data-theme': theme })}>
<head>
<meta charset="utf-8">
<title>${view.title} - Wayside</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="${theme ?? 'light dark'}">
<meta name="robots" content="noindex">
<link rel="icon" href="${assets.hrefOf('icon.svg') ?? 'data:,'}">
${style ? html`<link rel="stylesheet" href="${style}">` : ''}
${script ? html`<script type="module" src="${script}"></script>` : ''}
</head>
<body${attributes({ ...live, 'data-section': view.section, 'data-csrf': visit.person ? visit.csrf : undefined })}>
<a class="skip" href="#main">Skip to the content</a>
${visit.person ? header(visit, view.section) : plainHeader(visit)}
<main id="main" tabindex="-1">
<p id="live-state" class="live-state" role="status" aria-live="polite" hidden></p>
${crumbs(view)}
<div class="page-head"><h1>${view.title}</h1>${view.aside ? html`<div class="page-aside">${view.aside}</div>` : ''}</div>
${notice(visit)}
${view.body}
</main>
<footer class="foot"><span>Wayside ${version}</span> <a href="/api/v1/openapi.json">API</a></footer>
</body>
</html>
`;
}

function header(visit: Visit, section: Section): Html {
  const items = NAV.filter(({ right }) => visit.may(right)).map(
    (item) =>
      html`<li><a href="${item.href}"${attributes({ 'aria-current': item.section === section ? 'page' : undefined })}>${item.label}</a></li>`,
  );
  const person = visit.person;
  return html`<header class="bar">
<a class="brand" href="${PORTAL}">${mark()}<span>Wayside</span></a>
<nav aria-label="Main"><ul>${items}</ul></nav>
<div class="who">
${themeSwitch(visit)}
<a class="who-name" href="${PORTAL}/account"${attributes({ 'aria-current': section === 'account' ? 'page' : undefined })}>${person?.username}<span class="who-role">${person?.role}</span></a>
${postForm(visit, `${PORTAL}/sign-out`, html`<button type="submit" class="button quiet">Sign out</button>`)}
</div>
</header>`;
}

function plainHeader(visit: Visit): Html {
  return html`<header class="bar"><a class="brand" href="${PORTAL}">${mark()}<span>Wayside</span></a><div class="who">${themeSwitch(visit)}</div></header>`;
}

function themeSwitch(visit: Visit): Html {
  const next = NEXT_THEME[visit.theme];
  const label = `Colours: ${THEME_NAMES[visit.theme]}. Change to ${THEME_NAMES[next]}`;
  const fields = html`<input type="hidden" name="theme" value="${next}"><input type="hidden" name="back" value="${visit.url}">
<button type="submit" class="button quiet icon" aria-label="${label}" title="${label}">${themeIcon(visit.theme)}</button>`;
  return postForm(visit, `${PORTAL}/theme`, fields);
}

function crumbs({ crumbs: way = [] }: View): Html {
  if (way.length === 0) return NOTHING;
  return html`<nav class="crumbs" aria-label="Way up"><ol>${way.map(({ label, href }) => html`<li><a href="${href}">${label}</a></li>`)}</ol></nav>`;
}

/** What the action that led here did. The address holds a code, never the words. */
const NOTICES: { readonly [code: string]: string } = {
  created: 'The cache node was created. Run the command below on its server.',
  saved: 'The changes were saved.',
  'saved-cleared': 'The changes were saved. Address ranges with host bits set were taken without them.',
  enabled: 'The cache node is enabled: clients are routed to it again.',
  disabled: 'The cache node is disabled: no clients are routed to it. Its containers keep running.',
  draining: 'The cache node is draining: it gets no new clients and refuses old ones.',
  undrained: 'The cache node takes clients again.',
  deleted: 'The cache node was deleted.',
  updated: 'The version was handed out to the node.',
  'view-saved': 'The view was saved.',
  'view-deleted': 'The view was deleted.',
  restarted: 'The module was told to restart.',
  deployed: 'The deployment was accepted. The node reports when it runs.',
  'signed-out': 'You are signed out.',
  reviewed: 'The decision is in force.',
  'deployment-created': 'The deployment is created. Its nodes are told now.',
  'deployment-deleted': 'The deployment was deleted.',
  'user-deleted': 'The user was deleted.',
  withdrawn: 'The invitation was withdrawn.',
  password: 'The password was changed. Your other sessions have ended.',
  'token-deleted': 'The token was deleted.',
  'session-ended': 'The session has ended.',
  joined: 'That worked. Sign in with your user name and password.',
};

function notice(visit: Visit): Html {
  const text = NOTICES[visit.query.get('done') ?? ''];
  return text === undefined ? NOTHING : html`<p class="notice" role="status">${text}</p>`;
}
