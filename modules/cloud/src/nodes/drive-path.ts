// Which folders a cache drive may be (connected-cache.md 1.9: `.`, `./var`, `/` and paths with a space are refused).

/** Folders whose content the system itself needs; nothing at or below them is given to a cache. */
const SYSTEM_FOLDERS = [
  '/boot',
  '/etc',
  '/proc',
  '/run',
  '/sys',
  '/var/lib/docker',
  '/var/lib/wayside/daemon',
  '/var/lib/wayside/storage',
  '/var/run',
];
/** Folders that hold the system: their sub-folders are fine, they themselves are not. */
const TOP_FOLDERS = [
  '/',
  '/bin',
  '/dev',
  '/home',
  '/lib',
  '/opt',
  '/root',
  '/sbin',
  '/srv',
  '/tmp',
  '/usr',
  '/var',
  '/var/lib',
  '/var/lib/wayside',
];
const DRIVE_PATH_CHARACTERS_MAX = 255;
/** The path goes into a Docker bind and a shell command line: nothing that either could read as syntax. */
const DRIVE_PATH = /^\/[A-Za-z0-9._/-]*$/;

/** Why the path cannot be a cache drive; undefined when it can. */
export function drivePathFault(path: string): string | undefined {
  if (/\s/.test(path)) return 'it holds a space';
  if (!path.startsWith('/')) return 'it is not absolute';
  if (path.length > DRIVE_PATH_CHARACTERS_MAX) {
    return `${path.length} characters, at most ${DRIVE_PATH_CHARACTERS_MAX}`;
  }
  if (!DRIVE_PATH.test(path)) return 'only letters, digits, ".", "_", "-" and "/" are allowed';
  if (path.split('/').some((part) => part === '.' || part === '..')) return 'it holds "." or ".." as a folder';
  const clean = cleanDrivePath(path);
  if (TOP_FOLDERS.includes(clean)) return 'it holds the system itself, name a folder of its own';
  if (SYSTEM_FOLDERS.some((folder) => clean === folder || clean.startsWith(`${folder}/`))) {
    return 'the system needs it';
  }
  return undefined;
}

/** Without doubled and trailing slashes: the form in which two paths are compared. */
export function cleanDrivePath(path: string): string {
  const clean = path.replace(/\/{2,}/g, '/').replace(/(.)\/$/, '$1');
  return clean;
}
