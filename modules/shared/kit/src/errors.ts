// Catalogue of kit's error codes. docs/errors.md is written from it; scripts/tidy keeps both equal.

export const ERRORS = {
  KIT_CONFIG_INVALID: {
    meaning: 'The configuration is wrong; every problem is listed with its path, current and wanted value.',
    action:
      'Correct the settings named and start again. The process ends with exit code 153, which supervisors do not restart on.',
  },
  KIT_TOML_INVALID: {
    meaning: 'A configuration file is not valid TOML; the message names line and column.',
    action: 'Correct the line named.',
  },
  KIT_DURATION_INVALID: {
    meaning: 'A duration or point in time cannot be read.',
    action: 'Write a duration such as 90m, 1d or "2 days 3 hours", an RFC 3339 time, or UNIX seconds.',
  },
  KIT_PORT_TAKEN: {
    meaning: 'Another process listens on the wanted address and port.',
    action: 'Stop the other process or choose another port in the settings.',
  },
  KIT_PORT_DENIED: {
    meaning: 'The process may not listen on the wanted port or socket path.',
    action:
      'Choose a port above 1023, or give the process the right to bind low ports; for a socket, check the directory.',
  },
  KIT_LISTEN_FAILED: {
    meaning: 'A listener could not be opened; the message carries the reason of the system.',
    action: 'Check that the address belongs to this machine and that the path of a socket exists.',
  },
  KIT_SOCKET_TAKEN: {
    meaning: 'Another process answers on the unix socket.',
    action: 'Stop the other process; two instances may not share one socket path.',
  },
  KIT_JSON_FILE_INVALID: {
    meaning: 'A file that must hold JSON does not.',
    action: 'Restore the file from a backup, or remove it if the module can make it anew; the message names it.',
  },
  KIT_DATABASE_NEWER: {
    meaning: 'The database was written by a newer version of this program.',
    action: 'Run the newer version, or restore the backup of the older one.',
  },
  KIT_DATABASE_CORRUPT: {
    meaning: 'The database file is damaged. It was set aside beside its old place and a new one was made.',
    action: 'Keep the file set aside for inspection; check the disk it lies on.',
  },
  KIT_DATABASE_FAILED: {
    meaning: 'The database could not be opened or migrated.',
    action: 'Check free space and rights of the directory named in the message.',
  },
  KIT_QUEUE_FULL: {
    meaning: 'A bounded queue has no room for another job.',
    action: 'Try again later; when it stays so, look for the slow job ahead of it in the log.',
  },
  KIT_CLOSED: {
    meaning: 'The operation was asked of a part that is shutting down.',
    action: 'Nothing: it ends with the shutdown.',
  },
  KIT_SHUTDOWN_TIMEOUT: {
    meaning: 'The process did not end in time after SIGTERM and was ended.',
    action: 'Look in the log for the part that did not stop.',
  },
} as const;

export type KitErrorCode = keyof typeof ERRORS;
