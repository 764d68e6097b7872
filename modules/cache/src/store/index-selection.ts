// Objects of an index by what a purge names: one key with its variants, keys that begin alike, a tag, or all.

import type { DatabaseSync } from 'node:sqlite';
import { tagsOf } from './cache-tags.ts';
import type { ObjectMeta } from './object-meta.ts';

export type Selection =
  | { kind: 'key'; key: string }
  | { kind: 'prefix'; prefix: string }
  | { kind: 'tag'; tag: string }
  | { kind: 'all' };

export interface SelectedRow {
  id: number;
  key: string;
  storedBytes: number;
}

/** Step of the index's schema. Objects of before it (id up to tags_from) are not tagged: their headers are looked at when a tag is asked for. */
export const TAG_MIGRATION = `CREATE TABLE tag (
     tag TEXT NOT NULL,
     object_id INTEGER NOT NULL,
     PRIMARY KEY (tag, object_id)
   ) WITHOUT ROWID;
   CREATE INDEX tag_object ON tag (object_id);
   INSERT INTO state SELECT 'tags_from', COALESCE(MAX(id), 0) FROM object;`;

/** A variant's key is the resource's, a space, and what selects it; no key has a space otherwise. */
const VARIANT_MARK = ' ';
/** Above every character of a key: targets are ASCII without controls. */
const AFTER_ALL_KEYS = '\u{10ffff}';

const COLUMNS = 'object.id AS id, object.key AS key, object.stored_bytes AS storedBytes';

export class IndexSelection {
  readonly #range;
  readonly #tagged;
  readonly #untagged;
  readonly #all;
  readonly #addTag;
  readonly #removeTags;
  readonly #tagsFrom: number;

  constructor(db: DatabaseSync) {
    this.#range = db.prepare(`SELECT ${COLUMNS} FROM object WHERE key >= ? AND key < ? AND id > ? ORDER BY id LIMIT ?`);
    this.#tagged = db.prepare(
      `SELECT ${COLUMNS} FROM tag JOIN object ON object.id = tag.object_id WHERE tag = ? AND object_id > ? ORDER BY object_id LIMIT ?`,
    );
    this.#untagged = db.prepare(
      `SELECT ${COLUMNS}, meta FROM object WHERE id > ? AND id <= ? AND instr(meta, ?) > 0 ORDER BY id LIMIT ?`,
    );
    this.#all = db.prepare(`SELECT ${COLUMNS} FROM object WHERE id > ? ORDER BY id LIMIT ?`);
    this.#addTag = db.prepare('INSERT OR IGNORE INTO tag (tag, object_id) VALUES (?, ?)');
    this.#removeTags = db.prepare('DELETE FROM tag WHERE object_id = ?');
    const from = db.prepare("SELECT value FROM state WHERE name = 'tags_from'").get() as { value: number } | undefined;
    this.#tagsFrom = from?.value ?? 0;
  }

  /** Up to `limit` rows with id > after, in order of id; fewer mean that there are no more. */
  rows(selection: Selection, after: number, limit: number): SelectedRow[] {
    switch (selection.kind) {
      case 'key': {
        const { key } = selection;
        const variants = `${key}${VARIANT_MARK}`;
        const next = `${key}${String.fromCharCode(VARIANT_MARK.charCodeAt(0) + 1)}`;
        const rows = this.#range.all(key, next, after, limit) as unknown as SelectedRow[];
        return rows.filter((row) => row.key === key || row.key.startsWith(variants));
      }
      case 'prefix':
        return this.#range.all(
          selection.prefix,
          `${selection.prefix}${AFTER_ALL_KEYS}`,
          after,
          limit,
        ) as unknown as SelectedRow[];
      case 'tag':
        return this.#rowsOfTag(selection.tag, after, limit);
      case 'all':
        return this.#all.all(after, limit) as unknown as SelectedRow[];
    }
  }

  #rowsOfTag(tag: string, after: number, limit: number): SelectedRow[] {
    // JSON escapes of the tag are those of the stored meta.
    const inMeta = JSON.stringify(tag).slice(1, -1);
    for (let from = after; from < this.#tagsFrom; ) {
      const rows = this.#untagged.all(from, this.#tagsFrom, inMeta, limit) as unknown as (SelectedRow & {
        meta: string;
      })[];
      const found = rows.filter(({ meta }) => tagsOf((JSON.parse(meta) as ObjectMeta).headers).includes(tag));
      if (found.length > 0) return found.map(({ id, key, storedBytes }) => ({ id, key, storedBytes }));
      if (rows.length < limit) break;
      from = (rows.at(-1) as SelectedRow).id;
    }
    return this.#tagged.all(tag, after, limit) as unknown as SelectedRow[];
  }

  /** In the caller's transaction. */
  saveTags(id: number, tags: readonly string[]): void {
    for (const tag of tags) this.#addTag.run(tag, id);
  }

  /** In the caller's transaction. */
  removeTags(id: number): void {
    this.#removeTags.run(id);
  }
}
