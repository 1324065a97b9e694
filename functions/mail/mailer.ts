/**
 * What sends mail. A deployment may have none.
 * @module
 */

export interface Mail {
  /** One address. Personal data: in no log. */
  readonly to: string;
  readonly subject: string;
  /** Plain text, lines ended by `\n`. */
  readonly text: string;
}

export interface Mailer {
  /** Hands it over for delivery. @throws {CustodyError} `mail_unavailable` */
  send(mail: Mail): Promise<void>;
}
