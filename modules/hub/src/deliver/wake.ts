// A bell for one sleeper: rung while nobody sleeps, the next sleep ends at once.

export class Wake {
  #rung = false;
  #sleeper: (() => void) | undefined;

  ring(): void {
    if (this.#sleeper) this.#sleeper();
    else this.#rung = true;
  }

  /** Resolves at the next ring(), or after `timeoutMs`. */
  async sleep(timeoutMs?: number): Promise<void> {
    if (this.#rung) {
      this.#rung = false;
      return;
    }
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#sleeper = resolve;
      if (timeoutMs !== undefined) timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
    this.#sleeper = undefined;
  }
}
