// Which version of the modules the nodes of an account are to run, and whether it may wait for their windows.

import type { Account } from '../accounts/account.ts';
import type { ImageNames } from '../nodes/node-manifest.ts';

type Images = Pick<ImageNames, 'tag' | 'isCritical'>;

export function targetVersion(account: Pick<Account, 'moduleVersion'>, images: Images): string {
  return account.moduleVersion ?? images.tag;
}

export function isCriticalVersion(
  version: string,
  account: Pick<Account, 'criticalVersions'>,
  images: Images,
): boolean {
  return account.criticalVersions.includes(version) || (images.isCritical === true && version === images.tag);
}
