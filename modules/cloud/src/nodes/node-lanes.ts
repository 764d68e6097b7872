// Work of one node runs one piece after another, in the order it came; nodes do not wait for each other.
//
// INVARIANTS
// - A piece that fails is told to `onError` and holds up nothing.
// - `waiting` counts what has not ended, of all nodes together: whoever queues bounds it by that.

export class NodeLanes {
  private readonly lanes = new Map<string, Promise<void>>();
  private readonly onError: (nodeName: string, error: unknown) => void;
  private count = 0;

  constructor(onError: (nodeName: string, error: unknown) => void) {
    this.onError = onError;
  }

  get waiting(): number {
    return this.count;
  }

  /** Resolves when this piece has ended, however it did. */
  run(nodeName: string, work: () => Promise<void>): Promise<void> {
    this.count += 1;
    const lane = (this.lanes.get(nodeName) ?? Promise.resolve())
      .then(work)
      .catch((error) => this.onError(nodeName, error))
      .finally(() => {
        this.count -= 1;
        if (this.lanes.get(nodeName) === lane) this.lanes.delete(nodeName);
      });
    this.lanes.set(nodeName, lane);
    return lane;
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    while (this.lanes.size > 0) await Promise.all(this.lanes.values());
  }
}
