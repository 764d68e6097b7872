// The syntax tree of the query language (cloud.md 2.7): what the parser makes and evaluation, narrowing and paging read.

export type Literal = string | number | boolean | null;
export type Path = readonly string[];
export type Comparison = '=' | '!=' | '<' | '>' | '<=' | '>=';
export type Arithmetic = '+' | '-' | '*' | '/' | '%';

export type Expression =
  | { kind: 'literal'; value: Literal }
  | { kind: 'path'; path: Path }
  /** `name` in capitals, as in FUNCTIONS. */
  | { kind: 'call'; name: string; operands: Expression[] }
  | { kind: 'arithmetic'; operator: Arithmetic; left: Expression; right: Expression }
  | { kind: 'compare'; operator: Comparison; left: Expression; right: Expression }
  | { kind: 'in'; negated: boolean; left: Expression; list: Literal[] }
  | { kind: 'not'; condition: Expression }
  | { kind: 'and' | 'or'; conditions: Expression[] };

/** An expression asked for its truth: it holds when its value is literally true. */
export type Condition = Expression;

export type AggregateName = 'COUNT' | 'SUM' | 'AVG' | 'MIN' | 'MAX';

export type AggregateItem =
  | { kind: 'path'; path: Path; alias: string }
  /** Without a path COUNT counts rows. */
  | { kind: 'aggregate'; name: AggregateName; path?: Path; alias: string };

export type Selection =
  | { kind: 'all' }
  | { kind: 'paths'; items: { path: Path; alias: string }[] }
  /** One row a group of `Query.groupBy`; one row in all without it. */
  | { kind: 'aggregates'; items: AggregateItem[] };

export type Source = 'devices' | 'modules' | 'jobs';

export interface OrderItem {
  path: Path;
  descending: boolean;
}

/** A condition on its own, with the twins it is asked of. Without `where` it holds for all. */
export interface ConditionQuery {
  from: 'devices' | 'modules';
  where?: Condition;
}

export interface Query {
  select: Selection;
  /** undefined = no limit. */
  top?: number;
  from: Source;
  where?: Condition;
  groupBy?: Path[];
  orderBy?: OrderItem[];
}
