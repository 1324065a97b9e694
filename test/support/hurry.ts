/**
 * Waiting costs no time: timers of a second or less fire at once. What was waited for is recorded. Tests may take
 * long nevertheless, on a machine that has other things to do.
 * @module
 */
import { afterAll, beforeAll, jest } from '@jest/globals';

/** @returns the waits in ms since the file began */
export function hurry(): number[] {
  const waits: number[] = [];
  jest.setTimeout(300_000);
  const real = globalThis.setTimeout;
  beforeAll(() => {
    jest.spyOn(globalThis, 'setTimeout').mockImplementation(((run: () => void, ms = 0) => {
      if (ms > 1_000) return real(run, ms);
      waits.push(ms);
      return real(run, 0);
    }) as typeof setTimeout);
  });
  afterAll(() => {
    jest.restoreAllMocks();
  });
  return waits;
}
