/**
 * The folder that was chosen, so that somebody sees that it is the one.
 * @module
 */
import { escapeText } from '../../shared/chains/display.ts';
import { made, part } from './elements.ts';
import type { Folder } from './folder.ts';
import { numberText } from './numbers.ts';

const sizeText = (bytes: number): string =>
  bytes < 1_000
    ? `${bytes} B`
    : bytes < 1_000_000
      ? `${(bytes / 1_000).toFixed(1)} kB`
      : `${numberText(Math.round(bytes / 1e5) / 10)} MB`;

/** Names that are shown: an export has ten at most. */
const mostShown = 12;

export function showFolder({ name, files }: Folder): void {
  const total = [...files.values()].reduce((n, file) => n + (file?.size ?? 0), 0);
  part('chosen').textContent = escapeText(name);
  part('chosen-detail').textContent = `${numberText(files.size)} files, ${sizeText(total)}`;
  part('drop').classList.add('full');
  const rows = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, mostShown);
  const list = part('files');
  list.replaceChildren(
    ...rows.map(([file, content]) => {
      const row = document.createElement('li');
      const size = content === null ? 'empty folder' : sizeText(content.size);
      row.append(made('code', escapeText(file)), made('span', size));
      return row;
    }),
  );
  if (files.size > mostShown) list.append(made('li', `and ${numberText(files.size - mostShown)} more`));
  list.hidden = false;
  const label = document.querySelector('label[for="folder"]');
  if (label !== null) label.textContent = 'Choose another folder';
}
