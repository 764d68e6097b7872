// Error codes of people, tokens, audit, secrets and backups. errors.ts joins them to the module's catalogue.

export const PEOPLE_ERRORS = {
  CLOUD_LOGIN_FAILED: {
    meaning: 'User name or password is wrong, or the user is disabled.',
    action: 'The first password of `admin` is in the file admin-secret of the state directory.',
  },
  CLOUD_LOGIN_LIMITED: {
    meaning: 'Too many failed logins as this user, or too many logins from this address.',
    action: 'Wait the time the answer names.',
  },
  CLOUD_CSRF_REFUSED: {
    meaning: 'A change came with the session cookie of a browser, and nothing shows that a page of this cloud sent it.',
    action: 'Reload the page and repeat the change. Programs use a bearer token in place of the cookie.',
  },
  CLOUD_SESSION_INVALID: {
    meaning: 'The request carries no bearer token or session cookie, or one that is unknown or expired.',
    action: 'Log in again (POST /api/v1/sessions, `wayside login`).',
  },
  CLOUD_SESSION_NEEDED: {
    meaning: 'The call is for a person who logged in, not for an API token or a shared access policy.',
    action: 'Log in (`wayside login`) and repeat it.',
  },
  CLOUD_RIGHT_MISSING: {
    meaning: 'The caller is known but the role lacks the right for this call.',
    action: 'Ask an administrator for the role.',
  },
  CLOUD_SCOPE_MISSING: {
    meaning: 'The call concerns nodes beyond the scope of the caller, or all nodes.',
    action: 'Ask for one node of your scope, or ask an administrator whose scope is all nodes.',
  },
  CLOUD_GRANT_REFUSED: {
    meaning: 'Somebody tried to give more than they have, or to change a user who has more than they have.',
    action: 'Give a role and scope within your own, or ask an administrator whose scope is all nodes.',
  },
  CLOUD_USER_INVALID: {
    meaning: 'A user name or password breaks a rule; nothing was changed.',
    action: 'Correct what the message names.',
  },
  CLOUD_USER_NOT_FOUND: {
    meaning: 'There is no user with this name that the caller may see.',
    action: 'Compare with the list of users.',
  },
  CLOUD_USER_EXISTS: {
    meaning: 'A user with this name is there already.',
    action: 'Choose another name.',
  },
  CLOUD_LAST_ADMIN: {
    meaning: 'The change would leave the cloud without an enabled administrator of all nodes.',
    action: 'Make another administrator first.',
  },
  CLOUD_INVITATION_INVALID: {
    meaning: 'The invitation is unknown, used, withdrawn or expired, or who gave it may no longer give so much.',
    action: 'Ask for a new one.',
  },
  CLOUD_INVITATION_LIMITED: {
    meaning: 'Too many invitations that do not exist were tried from this address.',
    action: 'Wait the time the answer names.',
  },
  CLOUD_TOKEN_NOT_FOUND: {
    meaning: 'The caller has no API token, session or invitation with this id.',
    action: 'Compare with the list.',
  },
  CLOUD_TOKEN_LIMIT: {
    meaning: 'The user has as many API tokens, or the cloud as many open invitations, as are allowed.',
    action: 'Delete those that are not used.',
  },
  CLOUD_VIEW_NOT_FOUND: {
    meaning: 'The caller has saved no view with this name.',
    action: 'Compare with the list.',
  },
  CLOUD_VIEW_LIMIT: {
    meaning: 'The caller has saved as many views as are allowed.',
    action: 'Delete those that are not used.',
  },
  CLOUD_MASTER_KEY_FAILED: {
    meaning: 'The file of the master key, with which secrets in the store are sealed, is missing or cannot be used.',
    action:
      'Put the file back from a backup. Without it the keys of devices and policies are lost, and nodes must be provisioned again.',
  },
  CLOUD_SECRET_UNREADABLE: {
    meaning: 'A secret in the store cannot be opened: the master key is another one, or somebody changed the store.',
    action: 'Use store and master key of one backup; never copy one without the other.',
  },
  CLOUD_BACKUP_FAILED: {
    meaning: 'A backup could not be written or read: wrong passphrase, damaged file, or a state folder that is in use.',
    action: 'Read the message; a backup that cannot be read to its end has changed nothing.',
  },
} as const;
