// A fault in a route's text, with the place where it stands.

export class RouteSyntaxError extends Error {
  /** Offset in characters, from 0. */
  readonly at: number;

  constructor(message: string, at: number) {
    super(`at character ${at + 1}: ${message}`);
    this.name = 'RouteSyntaxError';
    this.at = at;
  }
}
