// Exit codes with a reader: supervisors (systemd, the daemon) decide by them.

/** The configuration is wrong: do not restart (the original's RestartPreventExitStatus=153). */
export const EXIT_CONFIG_INVALID = 153;
/** The identity must be provisioned anew: do restart. */
export const EXIT_REPROVISION = 154;
/** Any other failure. */
export const EXIT_FAILURE = 1;
