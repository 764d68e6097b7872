// What is wrong with a configuration beyond its schema, gathered so that the operator reads all of it at once; files named by URI are read here.

import { ConfigError, type ConfigProblem } from '@wayside/kit';

export class ProblemList {
  readonly #problems: ConfigProblem[] = [];
  readonly #readTextFile: (path: string) => string;

  constructor(readTextFile: (path: string) => string) {
    this.#readTextFile = readTextFile;
  }

  add(path: string, message: string): void {
    this.#problems.push({ path, message });
  }

  /** The text of a file:// URI or absolute path; '' when it cannot be read, which is then a problem. */
  file(path: string, uri: string): string {
    const name = uri.startsWith('file://') ? decodeURIComponent(new URL(uri).pathname) : uri;
    try {
      return this.#readTextFile(name);
    } catch (error) {
      this.add(
        path,
        `file ${name} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'}), wanted a readable file`,
      );
      return '';
    }
  }

  pem(path: string, uri: string | undefined): string | undefined {
    if (uri === undefined) return undefined;
    const before = this.#problems.length;
    const text = this.file(path, uri);
    if (this.#problems.length === before && !/-----BEGIN [A-Z ]+-----/.test(text)) {
      this.add(path, `file ${uri} holds no PEM block, wanted PEM`);
    }
    return text;
  }

  throwIfAny(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems);
  }
}
