// The tree of a route's condition.

export type BinaryOperator =
  | '*'
  | '/'
  | '%'
  | '+'
  | '-'
  | '||'
  | '<'
  | '<='
  | '>'
  | '>='
  | '='
  | '!='
  | 'AND'
  | 'OR'
  | '??';

export type Expression =
  | { kind: 'literal'; value: string | number | boolean | null | undefined }
  | { kind: 'property'; scope: 'app' | 'system' | 'app-then-system'; name: string; at: number }
  | {
      kind: 'body';
      path: readonly (string | number)[];
      at: number /** User property that wins when it exists (`$body.x` may be one). */;
      name?: string;
    }
  | { kind: 'unary'; operator: '-' | 'NOT'; operand: Expression; at: number }
  | { kind: 'binary'; operator: BinaryOperator; left: Expression; right: Expression; at: number }
  | { kind: 'call'; name: string; arguments: readonly Expression[]; at: number };
