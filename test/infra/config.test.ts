import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { ConfigError, parseConfig } from '../../infra/config.ts';

const exampleConfig = (name: string) => parseConfig(readFileSync(`config/${name}.json`, 'utf8'), name);

type Change = (config: any) => void;

/** The message about the two-account example with one thing changed. */
function refusal(change: Change): string {
  const config = structuredClone(exampleConfig('example-two-accounts'));
  change(config);
  try {
    parseConfig(JSON.stringify(config), 'config/prod.json');
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as Error).message;
  }
  throw new Error('was not refused');
}

describe('a config file is refused with the place and the reason', () => {
  const wrong: [string, Change, RegExp][] = [
    [
      'both nodes in one account, in production',
      (c) => {
        c.nodes.node2.account = c.nodes.node1.account;
        c.nodes.node2.keyAdministrators = c.nodes.node1.keyAdministrators;
      },
      /^ {2}nodes\.node2\.account: must differ from nodes\.node1\.account/m,
    ],
    [
      'a zone of another region',
      (c) => {
        c.nodes.node1.azs[1] = 'eu-west-1b';
      },
      /^ {2}nodes\.node1\.azs\.1: must be a zone of eu-central-1$/m,
    ],
    [
      'a page without TLS that may call the API',
      (c) => {
        c.origins = ['https://wallet.example.com', 'http://wallet.example.com'];
      },
      /^ {2}origins\.1: must be an origin such as https/m,
    ],
    [
      'every page that there is',
      (c) => {
        c.origins = ['*'];
      },
      /^ {2}origins\.0: must be an origin/m,
    ],
    [
      'a zone twice',
      (c) => {
        c.nodes.node1.azs[1] = 'eu-central-1a';
      },
      /^ {2}nodes\.node1\.azs: must not name a zone twice$/m,
    ],
    [
      'a key administrator of the other account',
      (c) => {
        c.nodes.node2.keyAdministrators.push(c.nodes.node1.keyAdministrators[0]);
      },
      /^ {2}nodes\.node2\.keyAdministrators\.1: must be a role in 222222222222$/m,
    ],
    [
      "an account's root as key administrator",
      (c) => {
        c.nodes.node1.keyAdministrators = ['arn:aws:iam::111111111111:root'];
      },
      /^ {2}nodes\.node1\.keyAdministrators\.0: must be the ARN of a role$/m,
    ],
    [
      'one identity for both nodes',
      (c) => {
        c.nodes.node2.identity = c.nodes.node1.identity;
      },
      /^ {2}nodes\.node2\.identity: must differ from nodes\.node1\.identity$/m,
    ],
    [
      'an identity that is no P-256 key',
      (c) => {
        c.nodes.node1.identity = c.nodes.node1.identity.slice(0, -4);
      },
      /^ {2}nodes\.node1\.identity: must be a P-256 SubjectPublicKeyInfo/m,
    ],
    [
      'no endpoint for Node 2',
      (c) => {
        delete c.nodes.node2.apiEndpoint;
      },
      /^ {2}nodes\.node2\.apiEndpoint: /m,
    ],
    [
      'a member that nothing reads',
      (c) => {
        c.transport = 'privatelink-mtls';
      },
      /^ {2}\(all\): .*"transport"/m,
    ],
    [
      'a name that does not fit into names of resources',
      (c) => {
        c.env = 'Production!';
      },
      /^ {2}env: must be at most 24 of/m,
    ],
    [
      'an account number that JSON reads as a number',
      (c) => {
        c.nodes.node1.account = 111111111111;
      },
      /^ {2}nodes\.node1\.account: /m,
    ],
    [
      'an invitation instead of its hash',
      (c) => {
        c.invitation = 'let me in';
      },
      /^ {2}invitation: must be a SHA-256, hex$/m,
    ],
  ];

  test.each(wrong)('%s', (_, change, reason) => {
    const message = refusal(change);
    expect(message).toMatch(/^config\/prod\.json:\n/);
    expect(message).toMatch(reason);
  });

  test('every reason at once', () => {
    const message = refusal((c) => {
      c.env = '';
      c.nodes.node1.region = 'us-gov-west-1';
      c.concurrency.api = 0;
    });
    for (const place of ['env', 'nodes.node1.region', 'concurrency.api'])
      expect(message).toContain(`  ${place}: `);
  });

  test('what is not JSON', () => {
    expect(() => parseConfig('{', 'config/prod.json')).toThrow(/^config\/prod\.json is not JSON$/);
  });
});

test('one account for both nodes is for environments that say they are not production', () => {
  const config = exampleConfig('example-same-account');
  expect(config.production).toBe(false);
  expect(config.nodes.node1.account).toBe(config.nodes.node2.account);
});
