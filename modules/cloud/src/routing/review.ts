// The review of a prefix that a node claims, and of the size of its whole space (connected-cache.md 1.4, 4.1, 4.4 rules 1 to 3 and 7). Pure.

import type { Account } from '../accounts/account.ts';
import type { IpPrefix } from '../addresses/ip-prefix.ts';
import { specialRangeOf } from '../addresses/special-ranges.ts';
import type { PrefixSource, PrefixState } from './tables.ts';

/** The words of the original's form for an IPv6 entry. */
export const IPV4_ONLY = 'Only IPv4 addresses are supported at this time';
/** Shorter prefixes by BGP are a mistake of the neighbour, the default route among them. */
const BGP_LENGTH_MIN = { 4: 8, 6: 16 } as const;

export type ReviewCode =
  | ''
  | 'Overlap'
  | 'ReviewWanted'
  | 'Ipv6Off'
  | 'SpecialRange'
  | 'TooShort'
  | 'Rejected'
  | 'Approved';

export interface Review {
  state: PrefixState;
  code: ReviewCode;
  feedback: string;
}

export interface Decision {
  decision: 'approved' | 'rejected';
  text: string;
  by: string;
}

export interface PrefixFacts {
  prefix: IpPrefix;
  source: PrefixSource;
  account: Pick<Account, 'ipv6' | 'privatePrefixes' | 'review'>;
  decision: Decision | undefined;
  /** Asked only when nothing else decides: the earlier claim of another customer that it overlaps, as text. */
  findOverlap(): string | undefined;
}

export function reviewPrefix(facts: PrefixFacts): Review {
  const { account, decision } = facts;
  if (decision?.decision === 'rejected') {
    const text = decision.text === '' ? '' : `: ${decision.text}`;
    return { state: 'rejected', code: 'Rejected', feedback: `Rejected by ${decision.by}${text}` };
  }
  const refused = refusalOf(facts);
  if (refused) return refused;
  if (decision) {
    return {
      state: 'approved',
      code: 'Approved',
      feedback: `Approved by ${decision.by}${decision.text && `: ${decision.text}`}`,
    };
  }
  const overlap = facts.findOverlap();
  if (overlap !== undefined) {
    return { state: 'pending', code: 'Overlap', feedback: overlapText(overlap) };
  }
  if (account.review === 'manual') return { state: 'pending', code: 'ReviewWanted', feedback: 'In review' };
  return { state: 'approved', code: '', feedback: '' };
}

export function overlapText(rival: string): string {
  return `Attention required: the prefix overlaps ${rival}, which another customer's node has`;
}

/** What no administrator can approve: the account's switches have the say. */
function refusalOf({ prefix, source, account }: PrefixFacts): Review | undefined {
  if (prefix.family === 6 && !account.ipv6) return { state: 'rejected', code: 'Ipv6Off', feedback: IPV4_ONLY };
  const min = BGP_LENGTH_MIN[prefix.family];
  if (source === 'bgp' && prefix.length < min) {
    return { state: 'rejected', code: 'TooShort', feedback: `Learned by BGP and shorter than /${min}` };
  }
  const fault = specialRangeFault(prefix, account);
  return fault === undefined ? undefined : { state: 'rejected', code: 'SpecialRange', feedback: fault };
}

/** Why clients of this prefix cannot be told apart from others, or cannot be; undefined = nothing against it. */
export function specialRangeFault(prefix: IpPrefix, account: Pick<Account, 'privatePrefixes'>): string | undefined {
  const special = specialRangeOf(prefix);
  if (!special || (special.kind === 'private' && account.privatePrefixes)) return undefined;
  const how = special.kind === 'private' ? '; the account can allow private prefixes' : '';
  return `overlaps ${special.text}, where no public client has its address${how}`;
}

/** Addresses a node claims in all, those in several prefixes counted once. */
export interface Space {
  ipv4Addresses: number;
  ipv6Addresses: number;
}

/** Why the space of a node has to be looked at before it is routed; undefined = it is fine. */
export function reviewSpace(
  space: Space,
  account: Pick<Account, 'ipv4AddressesMax' | 'ipv6SpaceLengthMin'>,
  approved: Space | undefined,
): string | undefined {
  const max4 = Math.max(account.ipv4AddressesMax, approved?.ipv4Addresses ?? 0);
  if (space.ipv4Addresses > max4) {
    return `Attention required: the IP space is exceedingly large: ${space.ipv4Addresses} IPv4 addresses, at most ${max4}`;
  }
  const max6 = Math.max(2 ** (128 - account.ipv6SpaceLengthMin), approved?.ipv6Addresses ?? 0);
  if (space.ipv6Addresses > max6) {
    const shown = (128 - Math.log2(space.ipv6Addresses)).toFixed(1);
    return `Attention required: the IP space is exceedingly large: IPv6 space of a /${shown}, at most a /${(128 - Math.log2(max6)).toFixed(1)}`;
  }
  return undefined;
}

/** The original's state of a node's space, `reviewState` or `bgpReviewState`. */
export type SpaceState = 'NotConfigured' | 'InReview' | 'AttentionRequired' | 'Approved';

export interface SpaceReview {
  state: SpaceState;
  feedback: string;
}

/** `counts` = prefixes by `state/code`; `held` = why the whole space is not routed. */
export function spaceReviewOf(counts: ReadonlyMap<string, number>, held: string | undefined): SpaceReview {
  const of = (...keys: string[]) => keys.reduce((sum, key) => sum + (counts.get(key) ?? 0), 0);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (total === 0 && held === undefined) return { state: 'NotConfigured', feedback: '' };
  if (held !== undefined) return { state: 'AttentionRequired', feedback: held };
  const overlaps = of('pending/Overlap');
  const rejected = [...counts]
    .filter(([key]) => key.startsWith('rejected/'))
    .reduce((sum, [, count]) => sum + count, 0);
  if (overlaps + rejected > 0) {
    const parts = [
      ...(overlaps > 0 ? [`${overlaps} overlap those of another customer`] : []),
      ...(rejected > 0 ? [`${rejected} are rejected`] : []),
    ];
    return { state: 'AttentionRequired', feedback: `Attention required: of ${total} prefixes ${parts.join(', ')}` };
  }
  const waiting = of('pending/ReviewWanted');
  if (waiting > 0)
    return { state: 'InReview', feedback: `In review: ${waiting} of ${total} prefixes wait for an administrator` };
  return { state: 'Approved', feedback: '' };
}
