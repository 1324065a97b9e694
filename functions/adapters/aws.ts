/**
 * How the nodes reach AWS, and how many requests that takes.
 * @module
 */

export interface AwsOptions {
  readonly region: string;
  /** Only in local mode: there it is always given, and always loopback. */
  readonly endpoint?: string;
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Longest time for one request. */
  readonly timeoutMs: number;
}

/** What {@link countCalls} needs of an SDK client; every SDK client has it. */
interface Countable {
  readonly middlewareStack: {
    // biome-ignore lint/suspicious/noExplicitAny: the stack's type differs per client and is not exported
    add(middleware: any, options: any): void;
  };
}

export interface CallCount {
  /** Requests sent since the start or the last `reset`, by command name: `GetItemCommand`, … */
  readonly calls: Readonly<Record<string, number>>;
  reset(): void;
}

/** Counts the requests that a client sends, repeated ones too. */
export function countCalls(client: Countable): CallCount {
  let calls: Record<string, number> = {};
  const count =
    <A>(next: (args: A) => unknown, context: { readonly commandName?: string }) =>
    (args: A) => {
      const name = context.commandName ?? 'unknown';
      calls[name] = (calls[name] ?? 0) + 1;
      return next(args);
    };
  // The last step of the stack: behind the retries, so that each of them counts.
  client.middlewareStack.add(count, { step: 'deserialize', name: 'countCalls', priority: 'low' });
  return {
    get calls() {
      return calls;
    },
    reset() {
      calls = {};
    },
  };
}
