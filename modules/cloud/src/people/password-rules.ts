// What a user name and a new password must be. Pure.

import { refusal } from '../errors.ts';
import { PASSWORD_CHARACTERS_MAX } from './password.ts';

/** NIST SP 800-63B asks for 8 at least, and for length in place of kinds of characters. */
export const PASSWORD_CHARACTERS_MIN = 12;
export const USERNAME_CHARACTERS_MAX = 64;
/** Lower case, so that no two names differ by case alone; no colon: `policy:x` and `identity:x` are no users. */
export const USERNAME_PATTERN = '^[a-z0-9][a-z0-9._@-]{0,63}$';
const DISTINCT_CHARACTERS_MIN = 5;

/** CLOUD_USER_INVALID. */
export function checkUsername(username: string): void {
  if (new RegExp(USERNAME_PATTERN).test(username)) return;
  throw refusal(
    'CLOUD_USER_INVALID',
    `Cannot use the user name ${JSON.stringify(username.slice(0, USERNAME_CHARACTERS_MAX))}: wanted 1 to ${USERNAME_CHARACTERS_MAX} of a-z 0-9 . _ @ -, a letter or digit first`,
  );
}

/** CLOUD_USER_INVALID; the message does not hold the password. */
export function checkNewPassword(username: string, password: string): void {
  const { length } = password;
  if (length < PASSWORD_CHARACTERS_MIN || length > PASSWORD_CHARACTERS_MAX) {
    throw weak(`it has ${length} characters, wanted ${PASSWORD_CHARACTERS_MIN} to ${PASSWORD_CHARACTERS_MAX}`);
  }
  if (new Set(password).size < DISTINCT_CHARACTERS_MIN) {
    throw weak(`it is made of fewer than ${DISTINCT_CHARACTERS_MIN} different characters`);
  }
  if (password.toLowerCase().includes(username) && length < username.length + PASSWORD_CHARACTERS_MIN) {
    throw weak('it is little more than the user name');
  }
}

function weak(why: string) {
  return refusal('CLOUD_USER_INVALID', `Cannot use the new password: ${why}`);
}
