// What kind of content a host serves, for the charts "volume by content type" (connected-cache 1.8; rows of the table in 2.1).

import { HostPatterns } from '../origin/host-pattern.ts';

/** `custom`: hosts that the operator added; `other`: built-in hosts of no named kind, and plain reverse-proxy use. */
export const CONTENT_CLASSES = [
  'windowsUpdate',
  'edge',
  'office',
  'intune',
  'teams',
  'outlook',
  'xbox',
  'deviceUpdate',
  'custom',
  'other',
] as const;

export type ContentClass = (typeof CONTENT_CLASSES)[number];

/** `*.` stands for one or more labels in front; the longest match decides. */
const HOSTS: readonly (readonly [ContentClass, readonly string[]])[] = [
  [
    'windowsUpdate',
    [
      ...['download.windowsupdate.com', '*.download.windowsupdate.com', 'ctldl.windowsupdate.com'],
      ...['*.ctldl.windowsupdate.com', 'dl.delivery.mp.microsoft.com', '*.dl.delivery.mp.microsoft.com'],
      'emdl.ws.microsoft.com',
    ],
  ],
  ['edge', ['*.delivery.mp.microsoft.com']],
  [
    'office',
    [
      ...['officecdn.microsoft.com', '*.officecdn.microsoft.com', 'officecdn.microsoft.com.edgesuite.net'],
      ...['*.officecdn.microsoft.com.edgesuite.net', '*.cdn.office.net', 'fg.tscdn.m365.static.microsoft'],
    ],
  ],
  ['intune', ['*.manage.microsoft.com']],
  ['teams', ['*.statics.teams.cdn.office.net', 'sf.teams.static.microsoft', 'installer.teams.static.microsoft']],
  ['outlook', ['*.res.cdn.office.net']],
  ['xbox', ['*.xboxlive.com', '*.assets.xbox.com']],
  ['deviceUpdate', ['*.dl.adu.microsoft.com', '*.prod.adu.microsoft.com']],
];

const patterns = new HostPatterns<ContentClass>();
for (const [contentClass, hosts] of HOSTS) for (const host of hosts) patterns.add(host, contentClass);

/**
 * @param host canonical host of an origin, without port; lower case
 * @param originId id of the settings the origin came from; `built-in` for the hosts every cache serves, `default` for the one of --origin
 */
export function contentClassOf(host: string, originId: string): ContentClass {
  const found = patterns.find(host.replace(/:\d+$/, ''));
  if (found !== undefined) return found;
  return originId === 'built-in' || originId === 'default' ? 'other' : 'custom';
}
