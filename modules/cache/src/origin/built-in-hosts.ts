// The hosts of Microsoft content that every Connected Cache serves (connected-cache 2.1). `*.` stands for one or more labels in front.

const MANAGED = ['swda01', 'swda02', 'swdb01', 'swdb02', 'swdc01', 'swdc02', 'swdd01', 'swdd02'].flatMap((site) => [
  `*.${site}.manage.microsoft.com`,
  `*.${site}-mscdn.manage.microsoft.com`,
]);
const XBOX = ['assets1', 'assets2', 'dlassets', 'dlassets2', 'd1', 'd2', 'xbl-dlassets-origin', 'assets-origin']
  .concat(['xvcb1', 'xvcb2', 'xvcf1', 'xvcf2', 'xvc-origin'])
  .flatMap((name) => [`${name}.xboxlive.com`, `*.${name}.xboxlive.com`]);

export const BUILT_IN_HOSTS: readonly string[] = [
  '*.b1.download.windowsupdate.com',
  'download.windowsupdate.com',
  '*.download.windowsupdate.com',
  'dl.delivery.mp.microsoft.com',
  '*.dl.delivery.mp.microsoft.com',
  '*.delivery.mp.microsoft.com',
  'ctldl.windowsupdate.com',
  '*.ctldl.windowsupdate.com',
  'emdl.ws.microsoft.com',
  'officecdn.microsoft.com.edgesuite.net',
  '*.officecdn.microsoft.com.edgesuite.net',
  'officecdn.microsoft.com',
  '*.officecdn.microsoft.com',
  '*.cdn.office.net',
  'fg.tscdn.m365.static.microsoft',
  '*.manage.microsoft.com',
  ...MANAGED,
  'sf.teams.static.microsoft',
  'installer.teams.static.microsoft',
  ...XBOX,
  '*.assets.xbox.com',
  'tlu.dl.adu.microsoft.com',
  '*.tlu.dl.adu.microsoft.com',
  'nlu.dl.adu.microsoft.com',
  '*.nlu.dl.adu.microsoft.com',
  'dcsfe.prod.adu.microsoft.com',
];

/** Hosts whose CDN signs links with P1..P4 (expiry and signature): the bytes do not depend on them (connected-cache 2.2). */
export const SIGNED_LINK_HOSTS: readonly string[] = ['*.delivery.mp.microsoft.com', '*.dl.adu.microsoft.com'];
export const SIGNED_LINK_PARAMETERS: readonly string[] = ['P1', 'P2', 'P3', 'P4'];
