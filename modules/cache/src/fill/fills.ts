// The fill of each object, made when first needed and kept with the object.

import type { CacheObject } from '../store/cache-object.ts';
import { FillMeters } from './fill-meters.ts';
import { type FillDeps, ObjectFill } from './object-fill.ts';
import { ObjectReader } from './object-reader.ts';
import type { TransferSource } from './transfer.ts';

export class Fills {
  readonly #deps: FillDeps;
  readonly meters = new FillMeters();

  constructor(deps: FillDeps) {
    this.#deps = { ...deps, meters: this.meters };
  }

  /** @param source origin and target of the newest request, used for everything fetched from here on */
  of(object: CacheObject, source: TransferSource): ObjectFill {
    if (object.work instanceof ObjectFill) {
      object.work.source = source;
      return object.work;
    }
    const fill = new ObjectFill(object, source, this.#deps);
    object.work = fill;
    return fill;
  }

  /** Fetches a chunk again that was lost on the drive, before somebody asks. Nothing where no request told where it comes from. */
  repair(object: CacheObject, chunk: number): void {
    if (!(object.work instanceof ObjectFill)) return;
    const end = object.chunks.chunkEnd(chunk);
    const start = end - object.chunks.chunkBytes(chunk);
    const reader = this.reader(object, object.work.source, start, end, false);
    const step = (error?: Error) => {
      const position = reader.readableEnd(reader.position);
      if (error !== undefined || position >= end) reader.close();
      else reader.wait(position, step);
    };
    step();
  }

  /** A reader of [start, end). `isRange`: the client asked for a part, so a sequence may be noticed. */
  reader(object: CacheObject, source: TransferSource, start: number, end: number, isRange: boolean): ObjectReader {
    object.checkUntouched(performance.now());
    const reader = new ObjectReader(object, start, end, this.#deps.loader, () => this.of(object, source));
    if (isRange && !object.chunks.isComplete) reader.readAhead(this.of(object, source).pattern.note(start, end));
    return reader;
  }
}
