import { describe, expect, test } from '@jest/globals';
import { type OpenFile, OpenFiles } from './open-files.ts';

class FakeFile implements OpenFile {
  fd = 3;
  uses = 0;
  work: { isActive: boolean } | null = null;
  closeFile(): boolean {
    this.fd = -1;
    return true;
  }
}

const noteMany = (files: OpenFiles, count: number, uses = 0) =>
  Array.from({ length: count }, () => {
    const file = new FakeFile();
    file.uses = uses;
    files.note(file);
    return file;
  });
const openOf = (files: FakeFile[]) => files.map(({ fd }, i) => (fd >= 0 ? i : -1)).filter((i) => i >= 0);

describe('OpenFiles', () => {
  test('closes the one opened first when there are too many', () => {
    expect(openOf(noteMany(new OpenFiles(3), 5))).toEqual([2, 3, 4]);
  });

  test('a file opened anew is the newest', () => {
    const files = new OpenFiles(3);
    const [first, ...others] = noteMany(files, 3) as [FakeFile, ...FakeFile[]];
    files.note(first);
    noteMany(files, 2);
    expect([first.fd, openOf(others)]).toEqual([3, []]);
  });

  test('leaves what is in use open, and comes down to the limit once it is not', () => {
    const files = new OpenFiles(4);
    const busy = noteMany(files, 6, 1);
    const more = noteMany(files, 20);
    expect(openOf(busy).length).toBe(6);
    for (const file of busy) file.uses = 0;
    const last = noteMany(files, 20);
    expect(openOf([...busy, ...more, ...last]).length).toBe(4);
  });

  test('forgets what others closed', () => {
    const files = new OpenFiles(4);
    for (const file of noteMany(files, 4)) file.closeFile();
    noteMany(files, 4);
    expect(files.size).toBe(4);
  });
});
