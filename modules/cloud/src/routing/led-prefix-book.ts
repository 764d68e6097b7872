// The book of prefixes where several replicas share the store: the leading one writes it, the others ask it to and follow what it wrote.

import type { NodeRecord } from '../nodes/node-record.ts';
import type { LeaderWork } from '../replicas/leader-work.ts';
import { PrefixBook, type PrefixBookOptions, type PrefixChange } from './prefix-book.ts';
import type { StoredDecision } from './prefix-rows.ts';
import type { PrefixSource } from './tables.ts';

const FOLLOW = 'prefixes.follow';
const DECIDE = 'prefixes.decide';
const REVIEW = 'prefixes.reviewAccount';

type Decision = Pick<StoredDecision, 'decision' | 'text' | 'by'>;

export interface LedPrefixBookOptions extends PrefixBookOptions {
  leader: LeaderWork;
  /** The node as it stands in the store. */
  findNode(name: string): Promise<NodeRecord | undefined>;
  /** Before the leader reviews the nodes of an account: reads it again. */
  readAccounts(): Promise<void>;
  /** After it did. */
  onReviewed(customerId: string): Promise<void>;
}

export class LedPrefixBook extends PrefixBook {
  readonly #leader: LeaderWork;

  constructor(options: LedPrefixBookOptions) {
    super(options);
    this.#leader = options.leader;
    this.#leader.handle(FOLLOW, async ({ name }) => {
      const record = await options.findNode(String(name));
      await (record ? super.follow(record) : super.forget(String(name)));
      return null;
    });
    this.#leader.handle(DECIDE, async ({ name, prefix, decision }) => {
      await super.decide(String(name), String(prefix), (decision ?? undefined) as unknown as Decision | undefined);
      return null;
    });
    this.#leader.handle(REVIEW, async ({ customerId }) => {
      await options.readAccounts();
      await super.reviewAccount(String(customerId));
      await options.onReviewed(String(customerId));
      return null;
    });
  }

  override async follow(record: NodeRecord): Promise<void> {
    await this.#leader.ask(FOLLOW, { name: record.name });
  }

  override async forget(name: string): Promise<void> {
    await this.#leader.ask(FOLLOW, { name });
  }

  override async decide(name: string, prefix: string, decision: Decision | undefined): Promise<void> {
    await this.#leader.ask(DECIDE, { name, prefix, decision: decision ? { ...decision } : null });
  }

  override async reviewAccount(customerId: string): Promise<void> {
    await this.#leader.ask(REVIEW, { customerId });
  }

  /** Routes are taken over by the leader alone. */
  override async change(
    name: string,
    source: PrefixSource,
    change: PrefixChange,
    also?: Parameters<PrefixBook['change']>[3],
  ): Promise<void> {
    if (this.#leader.isHere) await super.change(name, source, change, also);
  }
}
