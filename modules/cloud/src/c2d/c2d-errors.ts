// Codes of cloud-to-device messages, their feedback and the AMQP listener.

export const C2D_ERRORS = {
  CLOUD_C2D_INVALID: {
    meaning: 'A cloud-to-device message carries a property that cannot be used.',
    action: 'Correct the property the message names.',
  },
  CLOUD_C2D_TOO_LARGE: {
    meaning: 'A cloud-to-device message is larger than 64 KiB with its properties.',
    action: 'Send less at once, or let the device fetch the data from a place the message names.',
  },
  CLOUD_C2D_QUEUE_FULL: {
    meaning: 'As many cloud-to-device messages wait for the device as are allowed (50).',
    action: 'See why the device does not take them; purge the queue when they are no longer of use.',
  },
  CLOUD_C2D_LOCK_LOST: {
    meaning:
      'A message was settled with a lock token that is not, or no longer, valid: the lock ran out, or the message ended.',
    action: 'Receive again; ask for a longer lock when the device needs more time.',
  },
  CLOUD_AMQP_REFUSED: {
    meaning: 'An AMQP client attached to an address this hub does not serve, or before it proved who it is.',
    action:
      'Send to /messages/devicebound, receive from /messages/serviceBound/feedback, with a policy that has ServiceConnect.',
  },
} as const;
