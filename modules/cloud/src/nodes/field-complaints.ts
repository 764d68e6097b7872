// How the readers of a node's form say what is wrong with a field, or was taken otherwise than it was sent.

export type FieldProblemCode = 'NameInvalidOrInUse' | 'CidrInvalid' | 'AddressInUse' | 'FieldInvalid';

export interface FieldProblem {
  path: string;
  message: string;
  code: FieldProblemCode;
}

export interface FieldWarning {
  path: string;
  message: string;
}

export interface FieldRules {
  /** Smallest drive the form accepts, GB. */
  driveSizeGbMin: number;
  /** Switches of the account: IPv6 blocks, and blocks of private addresses. */
  ipv6: boolean;
  privatePrefixes: boolean;
}

export interface Complain {
  (path: string, message: string, code?: FieldProblemCode): void;
  /** Taken, but not as it was sent. */
  warn(path: string, message: string): void;
}

const SHOWN_CHARACTERS_MAX = 100;

/** The current value for a message: short, quoted. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}...` : text;
}

/** `min` to `max`, whole. */
export function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}
