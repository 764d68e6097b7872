// BIRD's control socket: one connection a command, answers line by line as they come, never whole in memory.

import { connect } from 'node:net';
import { EdgeError } from '@wayside/kit';
import { isErrorCode, type OnLine, ReplyReader } from './control-reply.ts';

/** Silence of BIRD in the middle of a command. A full table is written in pieces, each far quicker. */
const SILENCE_MS_MAX = 30_000;
/** Lines of an answer that is kept whole. */
const SHORT_ANSWER_LINES_MAX = 20_000;

export interface Answer {
  /** Version in the greeting, e.g. `2.0.12`; null when the greeting has another form. */
  version: string | null;
  code: number;
  /** Text of the last line. */
  text: string;
}

export class ControlSocket {
  readonly #path: string;
  readonly #silenceMs: number;

  constructor(path: string, silenceMs: number = SILENCE_MS_MAX) {
    this.#path = path;
    this.#silenceMs = silenceMs;
  }

  /**
   * Sends one command; `onLine` gets every line of its answer. Rejects with BGP_ENGINE_SILENT (no connection, no answer), BGP_ENGINE_REFUSED
   * (an error answer) or BGP_REPLY_INVALID.
   */
  async ask(command: string, onLine: OnLine = () => {}, signal?: AbortSignal): Promise<Answer> {
    const reader = new ReplyReader(onLine);
    const socket = connect(this.#path);
    // BIRD writes ASCII; latin1 is the cheapest to decode and never fails.
    socket.setEncoding('latin1');
    socket.setTimeout(this.#silenceMs, () => socket.destroy(silent(`no line in ${this.#silenceMs} ms`)));
    const abort = () => socket.destroy(silent('the module ends'));
    signal?.addEventListener('abort', abort, { once: true });
    if (signal?.aborted) abort();
    try {
      let sent = false;
      for await (const chunk of socket as AsyncIterable<string>) {
        reader.push(chunk);
        if (reader.greeting !== undefined && !sent) {
          sent = true;
          socket.write(`${command}\n`);
        }
        if (reader.end !== undefined) break;
      }
    } catch (error) {
      if (error instanceof EdgeError) throw error;
      throw silent((error as Error).message, error);
    } finally {
      signal?.removeEventListener('abort', abort);
      socket.destroy();
    }
    const { end, greeting } = reader;
    if (end === undefined || greeting === undefined) throw silent('the connection was closed before the end');
    if (isErrorCode(end.code)) throw refused(command, end.code, end.text);
    return { version: /^BIRD (\S+) ready/.exec(greeting.text)?.[1] ?? null, code: end.code, text: end.text };
  }

  /** The text of the lines of a short answer, codes cut off. */
  async lines(command: string, signal?: AbortSignal): Promise<{ answer: Answer; lines: string[] }> {
    const lines: string[] = [];
    const answer = await this.ask(
      command,
      (line, textAt) => {
        if (lines.length >= SHORT_ANSWER_LINES_MAX) throw tooLong();
        lines.push(line.slice(textAt));
      },
      signal,
    );
    return { answer, lines };
  }
}

function silent(why: string, cause?: unknown): EdgeError {
  return new EdgeError('BGP_ENGINE_SILENT', `Cannot ask BIRD: ${why}`, { source: 'upstream', retry: 'backoff', cause });
}

function refused(command: string, code: number, text: string): EdgeError {
  return new EdgeError('BGP_ENGINE_REFUSED', `BIRD does not take "${command}": ${code} ${text}`, {
    source: 'upstream',
  });
}

function tooLong(): EdgeError {
  return new EdgeError(
    'BGP_REPLY_INVALID',
    `Cannot read the answer of BIRD: over ${SHORT_ANSWER_LINES_MAX} lines, wanted fewer`,
    { source: 'upstream' },
  );
}
