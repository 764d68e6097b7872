// One AMQP 1.0 connection of a back end (cloud.md 2.10): $cbs, messages to devices in, feedback out. Everything else is refused by name.

import type { Duplex } from 'node:stream';
import { type Clock, describeError, isEdgeError, type Logger } from '@wayside/kit';
import rhea, {
  type Connection,
  type Delivery,
  type EventContext,
  type Message,
  type Receiver,
  type Sender,
} from 'rhea';
import type { CloudToDevice } from '../c2d/c2d.ts';
import { C2D_BYTES_MAX } from '../c2d/c2d-message.ts';
import { refusal } from '../errors.ts';
import type { SasAuthenticator } from '../identity/sas-authenticator.ts';
import { readC2dMessage, tokenOf } from './amqp-message.ts';
import { AmqpPeer } from './amqp-peer.ts';
import { FeedbackLink } from './feedback-link.ts';
import { FRAME_BYTES_MAX, FrameGuard } from './frame-guard.ts';

/** Messages of one link that are taken and not settled yet. */
const CREDIT = 50;
const CBS_CREDIT = 5;
const LINKS_MAX = 20;
const CHANNELS_MAX = 10;
/** A client that says nothing for so long is gone; it is told half of it. */
const IDLE_TIMEOUT_MS = 240_000;
/** After close the peer has this long. */
const CLOSE_GRACE_MS = 2_000;
const CBS = '$cbs';
const SEND_ADDRESS = '/messages/devicebound';
const FEEDBACK_ADDRESS = '/messages/servicebound/feedback';
/** File upload is not served, so nothing is ever sent here: the SDKs may listen all the same. */
const FILE_ADDRESS = '/messages/servicebound/filenotifications';

export interface AmqpParts {
  authenticator: Pick<SasAuthenticator, 'authenticate'>;
  c2d: CloudToDevice;
  clock: Clock;
  logger: Logger;
  hubName: string;
}

/** Our codes as conditions the SDKs know [AMQP 2.8.15]. */
const CONDITIONS: { readonly [code: string]: string } = {
  CLOUD_DEVICE_NOT_FOUND: 'amqp:not-found',
  CLOUD_C2D_QUEUE_FULL: 'amqp:resource-limit-exceeded',
  CLOUD_C2D_TOO_LARGE: 'amqp:link:message-size-exceeded',
  CLOUD_C2D_INVALID: 'amqp:not-allowed',
  CLOUD_UNAUTHORIZED: 'amqp:unauthorized-access',
  CLOUD_FORBIDDEN: 'amqp:unauthorized-access',
};

export class AmqpConnection {
  private readonly parts: AmqpParts;
  private readonly socket: Duplex;
  private readonly connection: Connection;
  private readonly peer: AmqpPeer;
  private readonly guard = new FrameGuard();
  private readonly feedback = new Map<Sender, FeedbackLink>();
  private cbsSender: Sender | undefined;
  private links = 0;
  private isClosed = false;

  /** `ended` is called once. */
  constructor(parts: AmqpParts, socket: Duplex, ended: () => void) {
    this.parts = parts;
    this.socket = socket;
    this.peer = new AmqpPeer(parts, (why) => this.close('amqp:unauthorized-access', why));
    const container = rhea.create_container();
    container.sasl_server_mechanisms.enable_anonymous();
    container.sasl_server_mechanisms.enable_plain((user: string, password: string) =>
      this.peer.provePlain(user, password).then((proved) => {
        this.guard.isProved ||= proved;
        return proved;
      }),
    );
    this.connection = container.create_connection({
      container_id: parts.hubName,
      max_frame_size: FRAME_BYTES_MAX,
      channel_max: CHANNELS_MAX,
      idle_time_out: IDLE_TIMEOUT_MS,
      receiver_options: { credit_window: 0, autoaccept: false },
      sender_options: { autosettle: true },
    } as never);
    this.listen();
    // Before the library's own listener: what breaks a bound is not parsed further.
    socket.on('data', (chunk: Buffer) => this.inspect(chunk));
    socket.on('error', () => undefined);
    socket.once('close', () => {
      // The library knows only of sockets that end: one that was cut off would leave its heartbeat timers.
      (this.connection as unknown as { eof(): void }).eof();
      this.release();
      ended();
    });
    (this.connection as unknown as { accept(socket: Duplex): void }).accept(socket);
  }

  close(condition = 'amqp:connection:forced', description = 'The hub is shutting down'): void {
    if (this.isClosed) return;
    this.release();
    try {
      this.connection.close({ condition, description });
    } catch {
      // Not open yet: the socket is all there is.
    }
    this.endSoon();
  }

  private endSoon(): void {
    const timer = setTimeout(() => this.socket.destroy(), CLOSE_GRACE_MS);
    timer.unref();
    this.socket.once('close', () => clearTimeout(timer));
  }

  private listen(): void {
    const { connection } = this;
    const failed = (what: string) => (context: EventContext) =>
      this.parts.logger.debug('AMQP', { what, error: describeError(context.error ?? connection.error ?? what) });
    connection.on('receiver_open', ({ receiver }: EventContext) => this.openReceiver(receiver!));
    connection.on('sender_open', ({ sender }: EventContext) => this.openSender(sender!));
    connection.on('sendable', ({ sender }: EventContext) => this.feedback.get(sender!)?.wake());
    connection.on('message', (context: EventContext) => this.takeMessage(context));
    for (const [event, how] of [
      ['accepted', 'complete'],
      ['rejected', 'complete'],
      ['released', 'release'],
      ['modified', 'release'],
    ] as const) {
      connection.on(event, ({ sender, delivery }: EventContext) => {
        this.guard.progressed();
        this.feedback.get(sender!)?.settled(delivery!, how);
      });
    }
    for (const event of ['sender_close', 'receiver_close'] as const) {
      connection.on(event, ({ sender }: EventContext) => {
        this.links -= 1;
        if (!sender) return;
        this.feedback.get(sender)?.close();
        this.feedback.delete(sender);
      });
    }
    for (const event of [
      'connection_error',
      'session_error',
      'sender_error',
      'receiver_error',
      'protocol_error',
      'error',
    ]) {
      connection.on(event as 'error', failed(event));
    }
    connection.on('disconnected', () => this.socket.destroy());
    // The library answers with a close of its own; then the client ends the socket, or we do.
    connection.on('connection_close', () => this.endSoon());
  }

  /** A client's sender: $cbs, or messages to devices. */
  private openReceiver(receiver: Receiver): void {
    const address = String(receiver.target?.address ?? '').toLowerCase();
    receiver.set_target({ address: receiver.target?.address ?? '' } as never);
    receiver.set_source({ address: receiver.source?.address ?? '' } as never);
    if (!this.admit(receiver, address, [CBS, SEND_ADDRESS])) return;
    (receiver as unknown as { local: { attach: { max_message_size: number } } }).local.attach.max_message_size =
      C2D_BYTES_MAX;
    receiver.add_credit(address === CBS ? CBS_CREDIT : CREDIT);
  }

  /** A client's receiver: answers of $cbs, feedback, file notifications. */
  private openSender(sender: Sender): void {
    const address = String(sender.source?.address ?? '').toLowerCase();
    sender.set_source({ address: sender.source?.address ?? '' } as never);
    sender.set_target({ address: sender.target?.address ?? '' } as never);
    if (!this.admit(sender, address, [CBS, FEEDBACK_ADDRESS, FILE_ADDRESS])) return;
    if (address === CBS) this.cbsSender = sender;
    if (address === FEEDBACK_ADDRESS) this.feedback.set(sender, new FeedbackLink(this.parts, sender));
  }

  private admit(link: Sender | Receiver, address: string, served: readonly string[]): boolean {
    this.links += 1;
    const refuse = (condition: string, description: string) => {
      link.close({ condition, description: `CLOUD_AMQP_REFUSED: ${description}` });
      return false;
    };
    if (this.links > LINKS_MAX) return refuse('amqp:resource-limit-exceeded', `more than ${LINKS_MAX} links`);
    if (!served.includes(address)) {
      return refuse('amqp:not-found', `nothing at "${address.slice(0, 200)}", wanted ${served.join(', ')}`);
    }
    if (address === CBS || this.peer.isProved) return true;
    return refuse('amqp:unauthorized-access', 'no token was put on $cbs');
  }

  private takeMessage({ receiver, message, delivery }: EventContext): void {
    this.guard.progressed();
    const isCbs = String(receiver!.target?.address ?? '').toLowerCase() === CBS;
    const taken = isCbs ? this.takeToken(message!) : this.takeC2d(message!);
    taken
      .then(
        () => settle(delivery!, undefined),
        (error: unknown) => settle(delivery!, this.refusalOf(error)),
      )
      .then(() => {
        // Credit follows settlement, so that only so many messages are ever in memory.
        if (receiver!.is_open()) receiver!.add_credit(1);
      })
      .catch((error) => this.parts.logger.debug('An AMQP message lost its link', { error: describeError(error) }));
  }

  private async takeC2d(message: Message): Promise<void> {
    if (!this.peer.isProved) throw refusal('CLOUD_UNAUTHORIZED', 'Cannot take a message: the token expired');
    await this.parts.c2d.send(readC2dMessage(message));
  }

  private async takeToken(message: Message): Promise<void> {
    let status = 200;
    let description = 'OK';
    try {
      await this.peer.prove(tokenOf(message.body));
      this.guard.isProved = true;
      this.parts.logger.info('Back end proved itself over AMQP', { policy: this.peer.policy });
    } catch (error) {
      if (!isEdgeError(error)) this.parts.logger.error('Cannot judge a token', { error: describeError(error) });
      if (isEdgeError(error)) this.parts.logger.warn('AMQP client refused', { why: error.message });
      status = isEdgeError(error) ? 401 : 500;
      description = isEdgeError(error) ? error.message : 'The token could not be judged, see the log of the cloud';
    }
    if (!this.cbsSender?.is_open()) return;
    this.cbsSender.send({
      ...(message.message_id === undefined ? {} : { correlation_id: message.message_id }),
      ...(message.reply_to === undefined ? {} : { to: message.reply_to }),
      application_properties: { 'status-code': status, 'status-description': description },
      body: '',
    });
  }

  private refusalOf(error: unknown): { condition: string; description: string } {
    if (!isEdgeError(error)) {
      this.parts.logger.error('Cannot take a message over AMQP', { error: describeError(error) });
      return {
        condition: 'amqp:internal-error',
        description: 'The message could not be taken, see the log of the cloud',
      };
    }
    return { condition: CONDITIONS[error.code] ?? 'amqp:internal-error', description: error.message };
  }

  private inspect(chunk: Buffer): void {
    const why = this.guard.take(chunk);
    if (why === undefined) return;
    this.parts.logger.warn('AMQP client closed', { policy: this.peer.policy, why });
    this.socket.destroy();
  }

  private release(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.peer.close();
    for (const link of this.feedback.values()) link.close();
    this.feedback.clear();
  }
}

function settle(delivery: Delivery, refused: { condition: string; description: string } | undefined): void {
  if (refused) delivery.reject(refused);
  else delivery.accept();
}
