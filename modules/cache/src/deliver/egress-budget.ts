// The egress cap, shared fairly between clients by deficit round robin: a client is an address, so a hundred connections get what one gets.
//
// INVARIANTS
// - While anybody waits, a newcomer waits too: tokens go to whose turn it is.
// - A client's turn is QUANTUM_BYTES, over as many ticks as the tokens take to come; what it cannot use goes back to all.
// - No more bodies run than can each get a useful share; a client above its part is refused first.

/** Every client gets at least this, or the request is refused with 503: clients give up below 4000 B/s (connected-cache R4). */
export const CLIENT_BYTES_PER_SEC_MIN = 64 * 1024;
/** A client with fewer streams than its part is let in beyond streamsMax, up to this many times of it. */
const STREAMS_OVERSHOOT = 2;
const REFILL_INTERVAL_MS = 10;
/** How often it is looked at which clients other threads serve too. */
const WEIGH_INTERVAL_MS = 100;
/** The bucket holds the bytes of this time: short bursts stay under the cap when measured over a second. */
const BURST_MS = 50;
/** What a client may send in one turn of the round while others wait. */
const QUANTUM_BYTES = 64 * 1024;

/** What one body draws from. Bytes taken and not sent are given back. */
export interface EgressShare {
  /** Bytes that may be sent now, at most `wanted`; 0 = wait. */
  take(wanted: number): number;
  giveBack(bytes: number): void;
  /** Calls back once when it is worth asking again. */
  wait(wake: () => void): void;
  /** The body is over; once. */
  leave(): void;
}

/** Where the tokens come from: this thread's bucket, or one that several threads draw from. */
export interface TokenSource {
  /** Takes up to `wanted` tokens, whole bytes; fewer when there are fewer. */
  draw(wanted: number): number;
  put(bytes: number): void;
  /** Tokens a second, infinite without a cap. */
  setRate(bytesPerSec: number): void;
}

/** Threads that share one cap: what goes on at the others. */
export interface EgressPeers {
  /** Bodies under way there. */
  readonly streams: number;
  /** Bodies under way there of one client address. */
  streamsOf(address: string): number;
  /** Clients with a body under way on any thread; `own` of them here. */
  clientsInAll(own: number): number;
  /** Tells them of one body of a client more or less here (`change` 1 or -1), and of the sums here. */
  publish(address: string, change: number, streams: number, clients: number): void;
  /** Tells them how many clients this thread serves, each as the part of it that is served here. */
  weigh(weight: number): void;
}

const NO_PEERS: EgressPeers = { streams: 0, streamsOf: () => 0, clientsInAll: (own) => own, publish() {}, weigh() {} };

/** Tokens of one thread. */
export class TokenBucket implements TokenSource {
  #bytesPerSec = Number.POSITIVE_INFINITY;
  #bytes = 0;
  #refilledAtMs = 0;
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  setRate(bytesPerSec: number): void {
    this.#bytesPerSec = bytesPerSec;
    this.#bytes = 0;
    this.#refilledAtMs = this.#nowMs();
  }

  /** Another rate from here on; what is in the bucket stays. */
  changeRate(bytesPerSec: number): void {
    this.#refill();
    this.#bytesPerSec = bytesPerSec;
  }

  draw(wanted: number): number {
    this.#refill();
    const taken = Math.max(0, Math.min(wanted, Math.floor(this.#bytes)));
    this.#bytes -= taken;
    return taken;
  }

  put(bytes: number): void {
    this.#bytes += bytes;
  }

  #refill(): void {
    const nowMs = this.#nowMs();
    // Whole ticks only: refilling at every call would hand out a few bytes at a time, a system call each.
    if (nowMs - this.#refilledAtMs < REFILL_INTERVAL_MS) return;
    const earned = ((nowMs - this.#refilledAtMs) / 1000) * this.#bytesPerSec;
    this.#refilledAtMs = nowMs;
    const most = Math.max(QUANTUM_BYTES, (this.#bytesPerSec * BURST_MS) / 1000);
    this.#bytes = Math.min(most, this.#bytes + earned);
  }
}

/** All bodies of one client address. */
class Client {
  readonly address: string;
  streams = 0;
  /** Bytes left of its turn, which may last several ticks. */
  deficit = 0;
  /** Part of the client that this thread serves, by its bodies here and elsewhere. */
  part = 1;
  /** Bytes of its turn that were drawn and not taken yet. */
  allowance = 0;
  readonly waiting: (() => void)[] = [];

  constructor(address: string) {
    this.address = address;
  }
}

export class EgressBudget {
  #bytesPerSec = Number.POSITIVE_INFINITY;
  readonly #tokens: TokenSource;
  readonly #peers: EgressPeers;
  readonly #clients = new Map<string, Client>();
  /** Clients with waiting bodies, in the order of their turns. */
  #round: Client[] = [];
  #streams = 0;
  #weighedAtMs = Number.NEGATIVE_INFINITY;
  /** Whose turn it is; null outside of a round. */
  #turn: Client | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(tokens: TokenSource = new TokenBucket(), peers: EgressPeers = NO_PEERS) {
    this.#tokens = tokens;
    this.#peers = peers;
  }

  /** @param mbps cap in Mbit/s, null for none */
  setCap(mbps: number | null): void {
    const bytesPerSec = mbps === null ? Number.POSITIVE_INFINITY : (mbps * 1e6) / 8;
    if (bytesPerSec === this.#bytesPerSec) return;
    this.#bytesPerSec = bytesPerSec;
    this.#tokens.setRate(bytesPerSec);
    if (mbps === null) this.#wakeAll();
  }

  /** The cap; infinite without one. */
  get bytesPerSec(): number {
    return this.#bytesPerSec;
  }

  get isCapped(): boolean {
    return this.#bytesPerSec !== Number.POSITIVE_INFINITY;
  }

  /** Bodies that may run at the same time. */
  get streamsMax(): number {
    return this.isCapped
      ? Math.max(1, Math.floor(this.#bytesPerSec / CLIENT_BYTES_PER_SEC_MIN))
      : Number.POSITIVE_INFINITY;
  }

  /** Bodies under way. */
  get streams(): number {
    return this.#streams;
  }

  /** Bodies that wait for their turn. */
  get waiting(): number {
    return this.#round.reduce((sum, client) => sum + client.waiting.length, 0);
  }

  /** Clients with a body under way. */
  get clients(): number {
    return this.#clients.size;
  }

  /**
   * A place for one more body of a client; null when it would leave too little for each.
   * @param address the client's, as its connection has it
   */
  admit(address: string): EgressShare | null {
    const known = this.#clients.get(address);
    if (this.#streams + this.#peers.streams >= this.streamsMax && !this.#isBelowItsPart(address, known)) return null;
    const client = known ?? new Client(address);
    if (known === undefined) this.#clients.set(address, client);
    client.streams += 1;
    this.#streams += 1;
    this.#peers.publish(address, 1, this.#streams, this.#clients.size);
    return new Share(this, client);
  }

  /** One client with many connections does not lock out the others. */
  #isBelowItsPart(address: string, client: Client | undefined): boolean {
    if (this.#streams + this.#peers.streams >= this.streamsMax * STREAMS_OVERSHOOT) return false;
    const elsewhere = this.#peers.streamsOf(address);
    const isNew = client === undefined && elsewhere === 0;
    const clients = this.#peers.clientsInAll(this.#clients.size) + (isNew ? 1 : 0);
    return clients > 1 && (client?.streams ?? 0) + elsewhere < Math.max(1, Math.floor(this.streamsMax / clients));
  }

  take(client: Client, wanted: number): number {
    if (!this.isCapped) return wanted;
    if (this.#turn === client) {
      const taken = Math.min(wanted, client.allowance);
      client.allowance -= taken;
      return taken;
    }
    return this.#round.length > 0 || this.#turn !== null ? 0 : this.#tokens.draw(Math.min(wanted, QUANTUM_BYTES));
  }

  giveBack(client: Client, bytes: number): void {
    if (!this.isCapped) return;
    if (this.#turn === client) client.allowance += bytes;
    else this.#tokens.put(bytes);
  }

  wait(client: Client, wake: () => void): void {
    if (client.waiting.length === 0 && this.#turn !== client) this.#round.push(client);
    client.waiting.push(wake);
    this.#timer ??= setInterval(() => this.#tick(), REFILL_INTERVAL_MS);
  }

  leave(client: Client): void {
    this.#streams -= 1;
    client.streams -= 1;
    if (client.streams === 0) {
      client.waiting.length = 0;
      this.#round = this.#round.filter((other) => other !== client);
      if (this.#clients.get(client.address) === client) this.#clients.delete(client.address);
    }
    this.#peers.publish(client.address, -1, this.#streams, this.#clients.size);
  }

  /** A client that several threads serve gets from each its part of a turn only, and counts for as much of the thread's share of the cap. */
  #weigh(): void {
    const nowMs = performance.now();
    if (nowMs - this.#weighedAtMs < WEIGH_INTERVAL_MS) return;
    this.#weighedAtMs = nowMs;
    let weight = 0;
    for (const client of this.#clients.values()) {
      client.part = client.streams / (client.streams + this.#peers.streamsOf(client.address));
      weight += client.part;
    }
    this.#peers.weigh(weight);
  }

  /** Turns are given until the tokens are gone: each client in the round as many bytes, however many of its bodies wait. */
  #tick(): void {
    this.#weigh();
    for (let client = this.#round[0]; client !== undefined; client = this.#round[0]) {
      if (client.deficit <= 0) client.deficit = Math.ceil(QUANTUM_BYTES * client.part);
      const drawn = this.#tokens.draw(client.deficit);
      if (drawn === 0) return;
      this.#round.shift();
      const used = this.#giveTurn(client, drawn);
      client.deficit = client.waiting.length === 0 ? 0 : client.deficit - used;
      if (client.waiting.length === 0) continue;
      // The tokens ended within its turn: it goes on with the rest of it.
      if (client.deficit > 0) this.#round.unshift(client);
      else this.#round.push(client);
      if (used === 0) return;
    }
    this.#stopTimer();
  }

  /** Bytes the client used of what was drawn for it; the rest goes back. */
  #giveTurn(client: Client, drawn: number): number {
    this.#turn = client;
    client.allowance = drawn;
    // Those who ask again within the turn wait behind the others of their client.
    for (let left = client.waiting.length; left > 0 && client.allowance > 0; left -= 1) client.waiting.shift()?.();
    this.#turn = null;
    const unused = client.allowance;
    client.allowance = 0;
    if (unused > 0) this.#tokens.put(unused);
    return drawn - unused;
  }

  #wakeAll(): void {
    const round = this.#round;
    this.#round = [];
    for (const client of round) {
      client.deficit = 0;
      for (const wake of client.waiting.splice(0)) wake();
    }
    this.#stopTimer();
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}

class Share implements EgressShare {
  readonly #budget: EgressBudget;
  readonly #client: Client;
  #isOver = false;

  constructor(budget: EgressBudget, client: Client) {
    this.#budget = budget;
    this.#client = client;
  }

  take(wanted: number): number {
    return this.#budget.take(this.#client, wanted);
  }

  giveBack(bytes: number): void {
    this.#budget.giveBack(this.#client, bytes);
  }

  wait(wake: () => void): void {
    if (!this.#isOver) this.#budget.wait(this.#client, wake);
  }

  leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#budget.leave(this.#client);
  }
}
