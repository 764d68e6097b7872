// Every error code of the daemon: what it means and what the operator does. docs/errors.md is made from this table.

export const ERRORS = {
  DAEMON_REGISTRATION_REFUSED: {
    meaning:
      'The cloud refused the registration key: it was used already by another node, or it is wrong; the daemon exits with 153.',
    action: 'Ask the portal for a new provisioning command for this cache node and run it on this server.',
  },
  DAEMON_REGISTRATION_UNREACHABLE: {
    meaning: 'The cloud gave no usable answer to the registration call. The daemon tries again with a growing delay.',
    action: 'Check provisioning.cloud_url, DNS, the proxy and upstream.ca_cert on this server.',
  },
  DAEMON_STATE_UNREADABLE: {
    meaning: 'A file under the state directory holds no valid content (identity, keys, certificates).',
    action:
      'Restore the file named in the message from a backup; only when there is none, remove it and provision the node again.',
  },
  DAEMON_IDENTITY_UNKNOWN: {
    meaning:
      'The module has no identity on this node: it is not in the local cache, and the cloud does not know it or was not reachable.',
    action: 'Check the connection to the cloud; a deployment that names the module creates its identity.',
  },
  DAEMON_CLOUD_UNREACHABLE: {
    meaning: "A call to the cloud's module registry failed or timed out.",
    action: 'Check the connection to the IoT Hub host name; the agent tries again by itself.',
  },
  DAEMON_CLOUD_REFUSED: {
    meaning: "The cloud's module registry answered with an error.",
    action: 'Read the status in the message: 401 means a wrong device key or clock, 404 a device that was deleted.',
  },
  DAEMON_API_VERSION: {
    meaning: 'A request on a socket of the daemon has no api-version in its query, or one that is not supported.',
    action: 'Add ?api-version=2022-08-03 to the request.',
  },
  DAEMON_REQUEST_INVALID: {
    meaning: 'A request on a socket of the daemon has a body or query that cannot be used.',
    action: 'Correct the field named in the message.',
  },
  DAEMON_FORBIDDEN: {
    meaning: 'A module asked its workload socket to act for another module.',
    action: "Use the module's own name, as given in IOTEDGE_MODULEID.",
  },
  DAEMON_NOT_FOUND: {
    meaning: 'The path or the module named in a request does not exist.',
    action: 'Compare with the list of modules (`wayside list`).',
  },
  DAEMON_MODULE_EXISTS: {
    meaning: "A container with the module's name exists already.",
    action: 'Remove the container, or replace the module with PUT instead of POST.',
  },
  DAEMON_CONTAINER_FOREIGN: {
    meaning:
      "A container with the module's name exists but does not carry the labels of this node, so it is left alone.",
    action: 'Rename or remove that container, or give this node an instance name in config.toml.',
  },
  DAEMON_ENGINE_UNREACHABLE: {
    meaning: 'The container engine does not answer on its socket.',
    action: 'Start the engine and check moby_runtime.uri.',
  },
  DAEMON_ENGINE_REFUSED: {
    meaning: 'The container engine refused or failed an operation; its own words are in the message.',
    action: 'Correct what the engine names: image, createOptions, a taken port, a missing path.',
  },
  DAEMON_IMAGE_PULL_FAILED: {
    meaning: 'An image could not be pulled and is not on this machine.',
    action: 'Check the image name, the registry credentials of the deployment, DNS and the proxy.',
  },
  DAEMON_DECRYPT_FAILED: {
    meaning:
      'The ciphertext was not made by this node for this module, generation and initialization vector, or was changed.',
    action: 'Fetch the data anew; data encrypted before a reinstallation of the node cannot be read again.',
  },
  DAEMON_CERTIFICATE_INVALID: {
    meaning: 'A configured certificate or key file cannot be used for the Edge CA or the trust bundle.',
    action: 'Check that the files are PEM, belong together and are valid now.',
  },
  DAEMON_AGENT_GIVEN_UP: {
    meaning: 'edgeAgent failed to start more often than watchdog.max_retries allows; the daemon exits with 1.',
    action: 'Read the log of edgeAgent, correct the cause, start the daemon again.',
  },
} as const;
