/**
 * `planbok audit verify` as a page: one file that an auditor opens, and that talks to nobody. The same script
 * is the page's and the worker's.
 * @module
 */
import { type Check, serveChecks, startCheck } from './check-worker.ts';
import { part, showError } from './elements.ts';
import { droppedFolder, type Folder, pickedFolder } from './folder.ts';
import { showFolder } from './folder-view.ts';
import { flawsOf, keptIn, type PinTexts, pinFields, pinsOf, readPinsFile } from './pins.ts';
import { showProgress, showRead } from './progress-view.ts';
import { showVerdict } from './verdict-view.ts';

/** Larger than any file of pins or checkpoints, bytes. */
const largestSmallFile = 1_048_576;

function openPage(script: string): void {
  let folder: Folder | undefined;
  let keptFiles: readonly File[] = [];
  let running: Check | undefined;
  let state = 0;

  const input = (id: string) => part(id, HTMLInputElement);
  const texts = (): PinTexts => {
    const [organization = '', node1 = '', node2 = ''] = pinFields.map((id) => input(id).value.trim());
    return { organization, node1, node2 };
  };

  /** A verdict is of what was checked: with another input there is none. */
  const changed = (): number => {
    running?.stop();
    running = undefined;
    part('running').hidden = true;
    part('result').hidden = true;
    part('check', HTMLButtonElement).disabled = false;
    part('status').textContent = '';
    state += 1;
    return state;
  };

  const choose = (chosen: Folder): void => {
    changed();
    folder = chosen;
    showError('folder', undefined);
    showFolder(chosen);
  };

  const keep = (files: readonly File[]): void => {
    changed();
    keptFiles = files;
    showError('kept', undefined);
    part('kept-chosen').textContent = files.map(({ name }) => name).join(', ') || 'None chosen';
    part('kept-clear').hidden = files.length === 0;
  };

  /** @returns undefined if something is missing, which is said where it is missing */
  const readForm = async () => {
    const pins = texts();
    const flaws = flawsOf(pins);
    for (const id of pinFields) showError(id, flaws.get(id));
    showError('pins-file', undefined);
    showError('folder', folder === undefined ? 'Choose the folder of the export.' : undefined);
    let kept: ReturnType<typeof keptIn> | undefined;
    try {
      kept = flaws.has('organization') ? undefined : keptIn(await textsOf(keptFiles), pins.organization);
      showError('kept', undefined);
    } catch (error) {
      showError('kept', messageOf(error));
    }
    const flaw = document.querySelector<HTMLElement>('[aria-invalid="true"]');
    flaw?.focus();
    return flaw === null && folder !== undefined && kept !== undefined ? { pins, kept, folder } : undefined;
  };

  const check = async (): Promise<void> => {
    const mine = changed();
    const form = await readForm();
    if (form === undefined || state !== mine) return;
    part('check', HTMLButtonElement).disabled = true;
    showProgress();
    const request = { files: form.folder.files, pins: pinsOf(form.pins, form.kept) };
    running = startCheck(script, request, showRead);
    try {
      const verdict = await running.verdict;
      if (state !== mine) return;
      changed();
      showVerdict(verdict, form.pins, form.kept, new Date());
    } catch (error) {
      if (state !== mine) return;
      changed();
      showError('folder', `The check could not be finished: ${messageOf(error)}. This is no verdict.`);
      input('folder').focus();
    }
  };

  const drop = async (transfer: DataTransfer): Promise<void> => {
    try {
      const dropped = await droppedFolder(transfer);
      if (dropped !== undefined) choose(dropped);
    } catch (error) {
      showError('folder', `What was dropped cannot be read: ${messageOf(error)}`);
    }
  };

  const fill = async (file: File): Promise<void> => {
    try {
      const [[, text] = ['', '']] = await textsOf([file]);
      const pins = readPinsFile(text);
      for (const id of pinFields) {
        input(id).value = pins[id];
        showError(id, undefined);
      }
      changed();
      showError('pins-file', undefined);
    } catch (error) {
      showError('pins-file', messageOf(error));
    }
  };

  const onPick = (id: string, run: (files: FileList) => void): void =>
    input(id).addEventListener('change', () => {
      const { files } = input(id);
      if (files !== null && files.length > 0) run(files);
      // So that the same choice can be made again, of files that have changed.
      input(id).value = '';
    });
  onPick('folder', (files) => {
    const picked = pickedFolder(files);
    if (picked !== undefined) choose(picked);
  });
  onPick('pins-file', ([file]) => void (file && fill(file)));
  onPick('kept', (files) => keep([...files]));
  part('kept-clear').addEventListener('click', () => {
    keep([]);
    input('kept').focus();
  });
  for (const id of pinFields)
    input(id).addEventListener('input', () => {
      changed();
      showError(id, undefined);
    });
  part('form').addEventListener('submit', (event) => {
    event.preventDefault();
    void check();
  });
  part('stop').addEventListener('click', () => {
    changed();
    part('status').textContent = 'Stopped';
    part('check').focus();
  });

  // Anywhere on the page: a browser leaves the page for a file that is dropped beside the place for it.
  const over = (is: boolean): void => void part('drop').classList.toggle('over', is);
  document.addEventListener('dragover', (event) => {
    event.preventDefault();
    over(true);
  });
  document.addEventListener('dragleave', ({ relatedTarget }) => over(relatedTarget !== null));
  document.addEventListener('drop', (event) => {
    event.preventDefault();
    over(false);
    if (event.dataTransfer !== null) void drop(event.dataTransfer);
  });
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : 'failed');

/** @throws {Error} in words */
const textsOf = (files: readonly File[]) =>
  Promise.all(
    files.map(async (file) => {
      if (file.size > largestSmallFile) throw new Error(`${file.name} is too large.`);
      return [file.name, await file.text()] as const;
    }),
  );

if (typeof document === 'undefined') serveChecks();
else openPage(document.currentScript?.textContent ?? '');
