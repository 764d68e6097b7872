// Every code the simulator fails with, what it means and what to do. docs/errors.md is made from it.

export const ERRORS = {
  SIMULATOR_CLOUD_REFUSED: {
    meaning: 'The cloud did not answer a request of the simulator as its contract says.',
    action: 'Read the message: it names the request, the status and what the cloud said. Check user, secret and CA.',
  },
  SIMULATOR_CONNECTION_FAILED: {
    meaning: 'An MQTT connection of a simulated identity could not be opened, was refused, or ended.',
    action: 'It is tried again with growing pauses. When all fail, check the MQTT address and the clock of both sides.',
  },
  SIMULATOR_TIMEOUT: {
    meaning: 'The cloud did not answer an MQTT operation of a simulated identity in time; its connection is made anew.',
    action: 'Give the cloud more processor time, or simulate fewer nodes.',
  },
  SIMULATOR_STATE_INVALID: {
    meaning: 'The file named by --state holds no identities of simulated nodes, or they belong to another cloud.',
    action: 'Name another file, or delete it and let the nodes be registered again.',
  },
  SIMULATOR_LISTEN_FAILED: {
    meaning: 'The data port of a simulated node could not be opened.',
    action: 'Free the address and port in the message, or delete the state file so that others are chosen.',
  },
} as const;

export type SimulatorErrorCode = keyof typeof ERRORS;
