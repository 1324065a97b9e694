/**
 * The check, in a worker: the page stays awake, and can end it.
 * @module
 */
import type { Bytes } from '../../shared/audit/verify/formats.ts';
import {
  type Pins,
  type Verdict,
  type VerifyProgress,
  verifyExport,
} from '../../shared/audit/verify/verify.ts';

export interface CheckRequest {
  /** By name, relative to the folder of the export, with `/`; null: a folder with nothing in it. */
  readonly files: ReadonlyMap<string, File | null>;
  readonly pins: Pins;
}

export type CheckAnswer = { readonly progress: VerifyProgress } | { readonly verdict: Verdict };

async function* piecesOf(file: File | null | undefined): AsyncGenerator<Bytes> {
  if (file === null || file === undefined) throw new Error('not a file');
  const reader = file.stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/** A dedicated worker's global object, which the types of a page do not know. */
interface WorkerScope {
  onmessage: ((message: MessageEvent<CheckRequest>) => void) | null;
  postMessage(answer: CheckAnswer): void;
}

/** Answers in a worker. */
export function serveChecks(scope = globalThis as unknown as WorkerScope): void {
  const check = async ({ files, pins }: CheckRequest): Promise<void> => {
    const source = { names: [...files.keys()].sort(), read: (name: string) => piecesOf(files.get(name)) };
    const verdict = await verifyExport(source, pins, (progress) => scope.postMessage({ progress }));
    scope.postMessage({ verdict });
  };
  scope.onmessage = ({ data }) => {
    // What fails here is a fault of the program, and no verdict: the page hears of it as an error of the worker.
    check(data).catch((error: unknown) => reportError(error));
  };
}

export interface Check {
  /** Rejects if the worker dies; stays as it is once stopped. */
  readonly verdict: Promise<Verdict>;
  stop(): void;
}

/** @param script the program that calls {@link serveChecks} in a worker: this page's own */
export function startCheck(
  script: string,
  request: CheckRequest,
  onProgress: (progress: VerifyProgress) => void,
): Check {
  const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  const worker = new Worker(url);
  const stop = (): void => {
    worker.terminate();
    URL.revokeObjectURL(url);
  };
  const verdict = new Promise<Verdict>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<CheckAnswer>) => {
      if ('progress' in data) return onProgress(data.progress);
      stop();
      resolve(data.verdict);
    };
    worker.onerror = ({ message }) => {
      stop();
      reject(new Error(message === '' ? 'the worker ended' : message));
    };
  });
  worker.postMessage(request);
  return { verdict, stop };
}
