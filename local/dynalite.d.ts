declare module 'dynalite' {
  import type { Server } from 'node:http';

  /** A server that does not listen yet. It checks no signature and has to be told to bind to loopback. */
  function dynalite(options: {
    /** Folder of the store; in memory without it. */
    readonly path?: string;
    readonly createTableMs?: number;
  }): Server;
  export = dynalite;
}
