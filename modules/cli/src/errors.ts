// Every error code of the command line, what it means and what the operator does about it. docs/errors.md is made from this table.

export const ERRORS = {
  CLI_OPTION_INVALID: {
    meaning: 'An option or argument of a command cannot be read.',
    action: 'Look at the wanted form in the message, or at the help of the command.',
  },
  CLI_DAEMON_UNREACHABLE: {
    meaning: 'The management socket of the node daemon does not answer.',
    action:
      'Run as root on the node, see that the daemon container runs (docker ps), and name the instance (--instance) or the socket (--host) if it is not the default one.',
  },
  CLI_DAEMON_REFUSED: {
    meaning: 'The node daemon answered a request with an error.',
    action: 'Read the cause; `list` shows which modules the daemon knows.',
  },
  CLI_BUNDLE_FAILED: {
    meaning: 'The support bundle could not be written.',
    action: 'Check the free space and the permissions of the output directory, then run it again.',
  },
  CLI_NOT_LOGGED_IN: {
    meaning: 'No session with a cloud is stored, or it has ended.',
    action: 'Run `login URL`.',
  },
  CLI_LOGIN_REFUSED: {
    meaning: 'The cloud refused the user name and password.',
    action: 'Check both; the first password lies in the admin-secret file of the cloud.',
  },
  CLI_PASSWORD_MISSING: {
    meaning: 'No password was given and none can be asked for.',
    action: 'Use --password-file, or run the command on a terminal.',
  },
  CLI_CLOUD_UNREACHABLE: {
    meaning: 'The cloud does not answer at its HTTPS address.',
    action: 'Check the address of the session (`login`), name resolution, firewall and that the cloud runs.',
  },
  CLI_CLOUD_CERTIFICATE_UNTRUSTED: {
    meaning: 'The certificate of the cloud is not signed by a trusted CA or is made for another name.',
    action: 'Log in with --ca FILE or --pin sha256//..., and use a name that stands in the certificate.',
  },
  CLI_CLOUD_PIN_MISMATCH: {
    meaning: 'The public key of the server is not the pinned one: it is another server, or someone stands between.',
    action: 'Take the pin from the portal or the provisioning command again, over a path you trust.',
  },
  CLI_CLOUD_REFUSED: {
    meaning: 'The cloud answered a request with an error.',
    action: "Read the cloud's own code and text behind it.",
  },
  CLI_MANIFEST_UNREADABLE: {
    meaning: 'The manifest file is missing, too large or no JSON.',
    action: 'Correct the file; the message says where it ends to be JSON.',
  },
  CLI_MANIFEST_REFUSED: {
    meaning: 'The manifest has problems; nothing was changed.',
    action: 'Correct every path that is listed and deploy again.',
  },
  CLI_DEPLOYMENT_FAILED: {
    meaning: 'The node has read the deployment and refused it.',
    action: "Read the status code and text of the node's agent; deploy a corrected manifest.",
  },
  CLI_DEPLOYMENT_PENDING: {
    meaning: 'The deployment was accepted by the cloud but the node does not run it within the time given.',
    action: 'See `monitor NODE` for what is missing; the node goes on trying by itself.',
  },
} as const;

export type ErrorCode = keyof typeof ERRORS;
