/**
 * A program under the supervisor: says when it serves, and ends when it is told to or left alone.
 * @module
 */

/** What the children tell the supervisor. */
export interface Ready {
  readonly ready: Readonly<Record<string, string>>;
}
export interface Failed {
  readonly failed: string;
}

/** Runs the program; `start` yields what the supervisor needs to know, and how to stop. */
export function runChild(
  start: () => Promise<{
    readonly tells: Readonly<Record<string, string>>;
    readonly stop: () => Promise<void>;
  }>,
): void {
  // Ctrl-C reaches the whole group; the supervisor decides who ends when.
  process.on('SIGINT', () => {});
  const running = start();
  const end = async () => {
    try {
      await (await running).stop();
    } finally {
      process.exit(0);
    }
  };
  process.on('SIGTERM', () => void end());
  // Whoever started this is gone, with or without a word.
  process.on('disconnect', () => void end());
  running.then(
    ({ tells }) => process.send?.({ ready: tells } satisfies Ready),
    (error: unknown) => {
      const failed = error instanceof Error ? error.message : String(error);
      process.stderr.write(`${error instanceof Error ? error.stack : failed}\n`);
      process.send?.({ failed } satisfies Failed, () => process.exit(1));
    },
  );
}

/** A variable that the supervisor always sets. */
export function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: this program is started by npm start`);
  return value;
}
