// Hosts of the CDNs whose content the nodes cache (connected-cache.md 2.1, on port 80): what may be redirected and steered.

const WELL_KNOWN: readonly string[] = [
  ...['download.windowsupdate.com', '*.download.windowsupdate.com', '*.b1.download.windowsupdate.com'],
  ...['*.au.download.windowsupdate.com', '*.au.b1.download.windowsupdate.com', 'ctldl.windowsupdate.com'],
  ...['*.ctldl.windowsupdate.com', 'dl.delivery.mp.microsoft.com', '*.dl.delivery.mp.microsoft.com'],
  ...['tlu.dl.delivery.mp.microsoft.com', '*.tlu.dl.delivery.mp.microsoft.com', '*.delivery.mp.microsoft.com'],
  ...['officecdn.microsoft.com', '*.officecdn.microsoft.com', 'officecdn.microsoft.com.edgesuite.net'],
  ...['*.officecdn.microsoft.com.edgesuite.net', '*.cdn.office.net', 'fg.tscdn.m365.static.microsoft'],
  ...['*.manage.microsoft.com', 'sf.teams.static.microsoft', 'installer.teams.static.microsoft'],
  ...['assets1.xboxlive.com', '*.assets1.xboxlive.com', 'assets2.xboxlive.com', '*.assets2.xboxlive.com'],
  ...['dlassets.xboxlive.com', '*.dlassets.xboxlive.com', 'dlassets2.xboxlive.com', '*.dlassets2.xboxlive.com'],
  ...['d1.xboxlive.com', '*.d1.xboxlive.com', 'd2.xboxlive.com', '*.d2.xboxlive.com', '*.assets.xbox.com'],
  ...['*.xbl-dlassets-origin.xboxlive.com', '*.assets-origin.xboxlive.com', '*.xvcb1.xboxlive.com'],
  ...['*.xvcb2.xboxlive.com', '*.xvcf1.xboxlive.com', '*.xvcf2.xboxlive.com'],
  ...[
    'tlu.dl.adu.microsoft.com',
    '*.tlu.dl.adu.microsoft.com',
    'nlu.dl.adu.microsoft.com',
    '*.nlu.dl.adu.microsoft.com',
  ],
  'emdl.ws.microsoft.com',
];

/**
 * Hosts that DNS may not steer although their content is cached: a name moves for every port, and on 443 these serve what a node does not
 * (Intune, Teams, Outlook), or the wildcard holds services besides the content.
 */
const NOT_BY_DNS: readonly string[] = [
  ...['*.cdn.office.net', '*.manage.microsoft.com', 'sf.teams.static.microsoft', 'installer.teams.static.microsoft'],
  ...['fg.tscdn.m365.static.microsoft', '*.delivery.mp.microsoft.com'],
];

/** What a DNS server may answer with the nodes' addresses: the account's own hosts always. */
export function dnsHostsOf(own: readonly string[]): string[] {
  const wellKnown = WELL_KNOWN.filter((host) => !NOT_BY_DNS.includes(host));
  return [...new Set([...wellKnown, ...own])].sort();
}

/** Well-known hosts and those of the account, each once; `*.x` = any name below x. */
export function contentHostsOf(own: readonly string[]): string[] {
  return [...new Set([...WELL_KNOWN, ...own])].sort();
}

export function isContentHost(host: string, own: readonly string[]): boolean {
  const name = host.toLowerCase();
  return contentHostsOf(own).some((entry) =>
    entry.startsWith('*.') ? name.endsWith(entry.slice(1)) && name.length > entry.length - 1 : name === entry,
  );
}
