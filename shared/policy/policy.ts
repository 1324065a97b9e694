/**
 * Reads a policy document. Strict: a member or a kind of rule that is not known here is refused, because a
 * rule that is skipped is a rule that does not hold.
 * @module
 */
import type { Bytes } from '../bytes.ts';
import { chainInfo, isBlockchain } from '../chains/chains.ts';
import { signKinds } from '../chains/intent.ts';
import { CustodyError, type Problem } from '../errors.ts';
import { digestOf } from '../intent/canonical.ts';
import { isAddressOn, isAsset } from './names.ts';
import { days, limits, type Policy, plainPermissions } from './rules.ts';

type Members = Readonly<Record<string, unknown>>;
type Report = (pointer: string, detail: string) => void;
type Check = (value: unknown, at: string, report: Report) => void;

const idText = /^[a-z0-9_-]{1,40}$/;
const decimal = /^(?:0|[1-9][0-9]{0,77})$/;
const approver = /^(?:key|mem)_[a-z2-7]{26}$/;
const clock = /^(?:[01][0-9]|2[0-3]):[0-5][0-9]$/;

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const text =
  (holds: (value: string) => boolean, detail: string): Check =>
  (value, at, report) => {
    if (typeof value !== 'string' || !holds(value)) report(at, detail);
  };
const oneOf = (names: readonly string[]): Check =>
  text((value) => names.includes(value), `must be one of: ${names.join(', ')}`);
const integer = (least: number, most: number): Check =>
  text(
    (value) => decimal.test(value) && Number(value) >= least && Number(value) <= most,
    `must be a decimal string from ${least} to ${most}`,
  );
const amount = text((value) => decimal.test(value), 'must be a decimal string of smallest units');
const asset = text(isAsset, 'must be the CAIP-19 name of an asset, as decoded payloads name it');
const blockchain = text(isBlockchain, 'must be the alias of a blockchain, such as ETH');

/** 1 to `most` different entries. */
const list =
  (entry: Check, most: number): Check =>
  (value, at, report) => {
    if (!Array.isArray(value) || value.length === 0 || value.length > most)
      return report(at, `must be a list of 1 to ${most}`);
    value.forEach((item, i) => {
      entry(item, `${at}/${i}`, report);
    });
    if (new Set(value.map((item) => JSON.stringify(item))).size !== value.length)
      report(at, 'must not name an entry twice');
  };

/** RFC 6901. */
const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** Exactly these members; the optional ones may be absent. Then what holds between them. */
const object =
  (
    required: Readonly<Record<string, Check>>,
    optional: Readonly<Record<string, Check>> = {},
    also: (value: Members, at: string, report: Report) => void = () => undefined,
  ): Check =>
  (value, at, report) => {
    if (!isObject(value)) return report(at, 'must be an object');
    const checks = new Map(Object.entries({ ...required, ...optional }));
    for (const [name, member] of Object.entries(value)) {
      const check = checks.get(name);
      if (check === undefined) report(`${at}/${escaped(name)}`, 'is not a member of this');
      else check(member, `${at}/${name}`, report);
    }
    for (const name of Object.keys(required))
      if (!Object.hasOwn(value, name)) report(`${at}/${name}`, 'is missing');
    also(value, at, report);
  };

const onItsChain =
  (member: string) =>
  (value: Members, at: string, report: Report): void => {
    const { blockchain: chain, [member]: address } = value;
    if (!isBlockchain(chain) || typeof address !== 'string') return;
    if (!isAddressOn(chain, address)) report(`${at}/${member}`, `is not an address on ${chain}`);
  };
const anyText = text(
  (value) => value.length > 0 && value.length <= 200 && value.isWellFormed(),
  'must be text',
);

const destination = object({ blockchain, address: anyText }, {}, onItsChain('address'));
const period = object(
  {
    days: list(oneOf(days), days.length),
    from: text((value) => clock.test(value), 'must be HH:MM'),
    to: text((value) => clock.test(value) || value === '24:00', 'must be HH:MM, or 24:00'),
  },
  {},
  ({ from, to }, at, report) => {
    if (typeof from === 'string' && typeof to === 'string' && from >= to)
      report(`${at}/to`, 'must be later than from; a period over midnight is two periods');
  },
);

const quorumMembers = {
  required: integer(1, limits.approvers),
  approvers: list(
    text((value) => approver.test(value), 'must be the id of a member or of a credential'),
    limits.approvers,
  ),
};
function quorumFits({ required, approvers }: Members, at: string, report: Report): void {
  if (Array.isArray(approvers) && Number(required) > approvers.length)
    report(`${at}/required`, 'is more than there are approvers');
}

const id = text((value) => idText.test(value), 'must be 1 to 40 of a-z, 0-9, - and _');
/** The member that names the kind was looked up already. */
const named = { id, kind: () => undefined };
const rules: Readonly<Record<string, Check>> = {
  blockchains: object({ ...named, blockchains: list(blockchain, limits.list) }),
  kinds: object({ ...named, kinds: list(oneOf(signKinds), signKinds.length) }),
  assets: object({ ...named, assets: list(asset, limits.list) }),
  destinations: object({ ...named, destinations: list(destination, limits.list) }),
  amount: object({ ...named, asset, max: amount }),
  window: object(
    {
      ...named,
      asset: text((value) => value === '*' || isAsset(value), 'must be * or the CAIP-19 name of an asset'),
      seconds: integer(60, 31_622_400),
    },
    { amount, count: integer(0, 1_000_000_000) },
    (value, at, report) => {
      if (value['asset'] === '*' && Object.hasOwn(value, 'amount'))
        report(`${at}/amount`, 'needs one asset: all assets together have a count only');
      if (!Object.hasOwn(value, 'amount') && !Object.hasOwn(value, 'count'))
        report(at, 'must limit amount, count or both');
    },
  ),
  approvals: object({ ...named, ...quorumMembers }, { asset, above: amount }, (value, at, report) => {
    if (Object.hasOwn(value, 'asset') !== Object.hasOwn(value, 'above'))
      report(at, 'asset and above go together');
    quorumFits(value, at, report);
  }),
  hours: object({ ...named, periods: list(period, 50) }),
};

const given = { allow: () => undefined };
const plain = object(given);
const permissions: Readonly<Record<string, Check>> = {
  ...Object.fromEntries(plainPermissions.map((name) => [name, plain])),
  call: object(
    { ...given, blockchain, contract: anyText },
    { methods: list(anyText, limits.list) },
    (value, at, report) => {
      onItsChain('contract')(value, at, report);
      checkMethods(value, `${at}/methods`, report);
    },
  ),
  typed_data: object(
    { ...given, blockchain },
    { contract: anyText, primaryType: anyText },
    onItsChain('contract'),
  ),
};

function checkMethods({ blockchain: chain, methods }: Members, at: string, report: Report): void {
  if (!Array.isArray(methods) || !isBlockchain(chain)) return;
  const { family } = chainInfo(chain);
  if (family === 'solana' || family === 'bitcoin') report(at, `${chain} has no method names: leave it out`);
  methods.forEach((method, i) => {
    if (family === 'evm' && !/^0x[0-9a-fA-F]{8}$/.test(String(method)))
      report(`${at}/${i}`, 'must be a selector: 0x and 8 hex digits');
  });
}

/** An object whose member `member` says which check it is for. */
const variant =
  (member: string, checks: Readonly<Record<string, Check>>): Check =>
  (value, at, report) => {
    if (!isObject(value)) return report(at, 'must be an object');
    const name = value[member];
    const check = typeof name === 'string' && Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check === undefined) report(`${at}/${member}`, `must be one of: ${Object.keys(checks).join(', ')}`);
    else check(value, at, report);
  };

const upTo =
  (entry: Check, most: number): Check =>
  (value, at, report) => {
    if (!Array.isArray(value) || value.length > 0) return list(entry, most)(value, at, report);
  };

function idsAreUnique({ rules: all }: Members, at: string, report: Report): void {
  if (!Array.isArray(all)) return;
  const seen = new Set<unknown>();
  all.forEach((rule, i) => {
    const name: unknown = isObject(rule) ? rule['id'] : undefined;
    if (name !== undefined && seen.has(name)) report(`${at}/rules/${i}/id`, 'is the id of another rule');
    seen.add(name);
  });
  if (all.filter((rule) => isObject(rule) && rule['kind'] === 'window').length > limits.windows)
    report(`${at}/rules`, `has more than ${limits.windows} rules of kind window`);
}

const policy = object(
  {
    type: oneOf(['planbok/policy/v1']),
    rules: upTo(variant('kind', rules), limits.rules),
    allow: upTo(variant('allow', permissions), limits.allow),
  },
  { changes: object(quorumMembers, {}, quorumFits) },
  idsAreUnique,
);

/**
 * The document itself, when it is one.
 * @throws {CustodyError} `request_invalid` with every problem found (at most 50), each by its RFC 6901 pointer
 */
export function parsePolicy(json: unknown): Policy {
  const problems: Problem[] = [];
  policy(json, '', (pointer, detail) => {
    if (problems.length < 50) problems.push({ pointer, detail });
  });
  if (problems.length > 0) throw new CustodyError('request_invalid', 'this is not a policy', { problems });
  return structuredClone(json) as Policy;
}

/** SHA-256 of the canonical form, 32 bytes: what statements and audit records call the policy by. */
export const policyDigest = (document: Policy): Bytes => digestOf({ ...document });
