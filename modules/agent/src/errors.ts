// Every code edgeAgent fails or warns with, what it means and what the operator does. docs/errors.md is made from it.

export const ERRORS = {
  AGENT_DAEMON_UNREACHABLE: {
    meaning: 'The management or workload socket of the daemon did not answer in time or refused the connection.',
    action: 'Check that the container wayside-daemon runs and that its sockets are mounted into edgeAgent.',
  },
  AGENT_DAEMON_REFUSED: {
    meaning: 'The daemon answered a request with an error; the message carries its reason.',
    action: "Read the daemon's reason in the message and the daemon's log.",
  },
  AGENT_DAEMON_ANSWER_INVALID: {
    meaning: 'The daemon answered with a body of the wrong shape or above the size limit.',
    action: 'Update daemon and agent to the same version.',
  },
  AGENT_LOG_FRAME_INVALID: {
    meaning: "A module's log stream is not in Docker's frame format.",
    action: 'Read the log with `docker logs`; a log driver that cannot be read back cannot be served.',
  },
  AGENT_CLOUD_TIMEOUT: {
    meaning: 'The cloud did not answer a twin or telemetry operation in time; the connection is made anew.',
    action: 'Check the path to the cloud (`iotedge check`); the agent keeps trying by itself.',
  },
  AGENT_CLOUD_DISCONNECTED: {
    meaning: 'The connection to the cloud was lost while an operation was under way.',
    action: 'Check the path to the cloud (`iotedge check`); the agent keeps trying by itself.',
  },
  AGENT_BACKUP_INVALID: {
    meaning: 'The local backup of the deployment cannot be read: damaged, or encrypted by another daemon.',
    action: 'Nothing: the agent waits for the cloud and writes a new backup. Modules that run are left alone.',
  },
  AGENT_STATE_INVALID: {
    meaning: 'A file of remembered state (restart counts) is damaged. It was set aside and counting starts anew.',
    action: 'Check the disk that holds StorageFolder.',
  },
  AGENT_UPDATE_ROLLED_BACK: {
    meaning:
      'A module could not be made or started from its new definition; the last version that ran was brought back.',
    action: 'Correct image or createOptions of the module in the deployment; the reason is in lastDesiredStatus.',
  },
  AGENT_UPDATE_FAILED: {
    meaning:
      'A module could not be made or started from its new definition, and there was no older version to go back to.',
    action: 'Correct image or createOptions of the module in the deployment; the reason is in lastDesiredStatus.',
  },
  AGENT_RESTORE_IMPOSSIBLE: {
    meaning: 'The last version of a module that ran is not remembered, so it cannot be brought back.',
    action: 'Deploy a working definition of the module.',
  },
  AGENT_REPORT_TOO_LARGE: {
    meaning:
      'The reported properties would break a limit of the twin; the message names the worst part. A shorter form is sent.',
    action: 'Shorten createOptions and env in the deployment, or run fewer modules on the node.',
  },
  AGENT_METHOD_UNKNOWN: {
    meaning: 'A direct method that edgeAgent does not have was called.',
    action: 'Call one of the methods the message lists.',
  },
  AGENT_METHOD_INVALID: {
    meaning:
      'The payload of a direct method cannot be used; the message names the field, its value and what is wanted.',
    action: 'Correct the field.',
  },
  AGENT_METHOD_TIMEOUT: {
    meaning: 'A direct method took longer than RequestTimeoutSecs.',
    action: 'Ask for less at once, e.g. fewer log lines with `tail`.',
  },
  AGENT_LOGS_TOO_LARGE: {
    meaning: 'The result of GetModuleLogs is above what a direct method can carry (127000 bytes).',
    action: 'Ask for fewer lines with `tail` or `since`, use encoding gzip, or use UploadModuleLogs.',
  },
  AGENT_UPLOAD_FAILED: {
    meaning: 'Logs or a support bundle could not be uploaded to the sasUrl.',
    action: 'Check that the URL is a blob container with write permission and not expired.',
  },
  AGENT_TASKS_FULL: {
    meaning: 'As many uploads as allowed are under way.',
    action: 'Wait for one to end (GetTaskStatus) and call again.',
  },
} as const;
