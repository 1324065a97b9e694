/**
 * The files of a folder that somebody picked or dropped.
 * @module
 */

export interface Folder {
  readonly name: string;
  /** By name, relative to the folder, with `/`; null: a folder with nothing in it. */
  readonly files: ReadonlyMap<string, File | null>;
}

/** Of an input for folders, which shows no empty ones. @returns undefined if none was picked */
export function pickedFolder(list: FileList): Folder | undefined {
  const files = new Map([...list].map((file) => [file.webkitRelativePath.replace(/^[^/]*\//, ''), file]));
  const [name = ''] = list[0]?.webkitRelativePath.split('/') ?? [];
  return files.size > 0 ? { name, files } : undefined;
}

/**
 * The one folder that was dropped, or what was dropped as if it were in a folder.
 * @throws {DOMException} if something cannot be read
 */
export async function droppedFolder({ items }: DataTransfer): Promise<Folder | undefined> {
  // All at once: after the event they are gone.
  const entries = [...items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const [first] = entries;
  if (first === undefined) return undefined;
  const one = entries.length === 1 && first.isDirectory;
  const found: [string, File | null][] = [];
  const top = one ? await entriesIn(first as FileSystemDirectoryEntry) : entries;
  for (const entry of top) await collect(entry, '', found);
  return { name: one ? first.name : `${entries.length} dropped items`, files: new Map(found) };
}

async function collect(entry: FileSystemEntry, prefix: string, found: [string, File | null][]) {
  const name = `${prefix}${entry.name}`;
  if (entry.isFile) {
    found.push([name, await new Promise<File>((...then) => (entry as FileSystemFileEntry).file(...then))]);
    return;
  }
  const below = await entriesIn(entry as FileSystemDirectoryEntry);
  if (below.length === 0) found.push([name, null]);
  for (const inside of below) await collect(inside, `${name}/`, found);
}

async function entriesIn(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader();
  const all: FileSystemEntry[] = [];
  // Some at a time, until there are none.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((...then) => reader.readEntries(...then));
    if (some.length === 0) return all;
    all.push(...some);
  }
}
