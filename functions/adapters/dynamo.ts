/**
 * The tables over DynamoDB: each call is one request on one item, with a condition. Works the same on the
 * real service and on dynalite; nothing here needs a transaction.
 * @module
 */
import {
  type AttributeValue,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { CustodyError } from '#shared/errors.ts';
import type { Change, Clause, Item, Table, Tables, Value, When } from '../ports.ts';
import { type TableName, type TableSpec, tables } from '../tables.ts';
import type { AwsOptions } from './aws.ts';
import {
  changed,
  checkChange,
  checkValues,
  decodeCursor,
  encodeCursor,
  keyOf,
  listing,
  lookupKey,
  positionOf,
} from './item.ts';

/**
 * A client that never repeats a request by itself: a conditional write that is sent twice can fail its own
 * condition, and would then report that it did not happen. {@link attempt} repeats what is safe to repeat.
 */
export const dynamoClient = ({ timeoutMs, ...options }: AwsOptions): DynamoDBClient =>
  new DynamoDBClient({
    ...options,
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 1_000, requestTimeout: timeoutMs, throwOnRequestTimeout: true },
  });

/** Refused before it was tried: the write did certainly not happen. */
const throttled = new Set([
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'ThrottlingException',
]);

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '');

/** Runs a request up to three times: a read on any failure, a write only if it was throttled. */
async function attempt<T>(kind: 'read' | 'write', request: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await request();
    } catch (cause) {
      if (nameOf(cause) === 'ConditionalCheckFailedException') throw cause;
      if (tries >= 3 || (kind === 'write' && !throttled.has(nameOf(cause))))
        throw new CustodyError('storage_unavailable', `DynamoDB: ${nameOf(cause)}`, { cause });
      await new Promise((resolve) => setTimeout(resolve, 20 * 4 ** tries * Math.random()));
    }
  }
}

/** The result of a conditional write, or null if the condition failed. */
async function conditional<T>(request: () => Promise<T>): Promise<T | null> {
  try {
    return await attempt('write', request);
  } catch (error) {
    if (nameOf(error) === 'ConditionalCheckFailedException') return null;
    throw error;
  }
}

function encode(value: Value): AttributeValue {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'number') return { N: String(value) };
  if (typeof value === 'boolean') return { BOOL: value };
  return { B: value };
}

function decode(name: string, value: AttributeValue): Value {
  if (value.S !== undefined) return value.S;
  if (value.BOOL !== undefined) return value.BOOL;
  // The SDK may hand out a Buffer; nobody further in should see one.
  if (value.B !== undefined) return Uint8Array.from(value.B);
  const n = Number(value.N);
  if (Number.isSafeInteger(n)) return n;
  throw new CustodyError('storage_unavailable', `attribute ${name} is of a type that this table never holds`);
}

const encodeItem = (item: Item): Record<string, AttributeValue> =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [name, encode(value)]));

const decodeItem = (item: Record<string, AttributeValue>): Item =>
  Object.fromEntries(Object.entries(item).map(([name, value]) => [name, decode(name, value)]));

/** Collects names and values of one request behind placeholders: no attribute name is ever reserved. */
function placeholders() {
  const names: Record<string, string> = {};
  const values: Record<string, AttributeValue> = {};
  return {
    name(attribute: string): string {
      const at = `#n${Object.keys(names).length}`;
      names[at] = attribute;
      return at;
    },
    value(value: Value): string {
      const at = `:v${Object.keys(values).length}`;
      values[at] = encode(value);
      return at;
    },
    /** DynamoDB refuses empty maps. */
    maps: () => ({
      ...(Object.keys(names).length > 0 && { ExpressionAttributeNames: names }),
      ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
    }),
  };
}

type Placeholders = ReturnType<typeof placeholders>;

function clauseText(use: Placeholders, clause: Clause): string {
  const name = use.name(clause[0]);
  if (clause.length === 2) return `attribute_${clause[1] === 'absent' ? 'not_exists' : 'exists'}(${name})`;
  const comparison = `${name} ${clause[1]} ${use.value(clause[2])}`;
  // DynamoDB holds that an absent attribute differs from everything; the port does not.
  return clause[1] === '<>' ? `attribute_exists(${name}) AND ${comparison}` : comparison;
}

/** `{}` if it always holds. */
function conditionOf(use: Placeholders, when?: When): { ConditionExpression?: string } {
  if (when === undefined || when.some((all) => all.length === 0)) return {};
  // No parentheses: AND binds tighter than OR, and DynamoDB refuses redundant ones.
  const lists = when.map((all) => all.map((clause) => clauseText(use, clause)).join(' AND '));
  return { ConditionExpression: lists.join(' OR ') };
}

/** A disjunction of nothing holds of nothing. */
const never = (when?: When): boolean => when?.length === 0;

function updateText(use: Placeholders, { set = {}, add = {}, remove = [] }: Change): string {
  const sets = Object.entries(set).map(([name, value]) => `${use.name(name)} = ${use.value(value)}`);
  const adds = Object.entries(add).map(([name, n]) => `${use.name(name)} ${use.value(n)}`);
  const removes = remove.map((name) => use.name(name));
  return [
    sets.length > 0 ? `SET ${sets.join(', ')}` : '',
    adds.length > 0 ? `ADD ${adds.join(', ')}` : '',
    removes.length > 0 ? `REMOVE ${removes.join(', ')}` : '',
  ].join(' ');
}

function dynamoTable(client: DynamoDBClient, TableName: string, spec: TableSpec): Table {
  return {
    async get(lookup) {
      const Key = encodeItem(lookupKey(spec, lookup));
      const { Item } = await attempt('read', () =>
        client.send(new GetItemCommand({ TableName, Key, ConsistentRead: true })),
      );
      return Item && decodeItem(Item);
    },
    async put(item, when) {
      checkValues(item);
      keyOf(spec, item);
      if (never(when)) return false;
      const use = placeholders();
      const condition = conditionOf(use, when);
      const input = { TableName, Item: encodeItem(item), ...condition, ...use.maps() };
      return (await conditional(() => client.send(new PutItemCommand(input)))) !== null;
    },
    async update(lookup, change, when) {
      const key = lookupKey(spec, lookup);
      checkChange(key, change);
      if (never(when)) return null;
      const use = placeholders();
      const UpdateExpression = updateText(use, change);
      const condition = conditionOf(use, when);
      const input = {
        TableName,
        Key: encodeItem(key),
        UpdateExpression,
        ...condition,
        ...use.maps(),
        ReturnValues: 'ALL_OLD',
      } as const;
      const result = await conditional(() => client.send(new UpdateItemCommand(input)));
      if (!result) return null;
      // The service returns one side only. The change is atomic, so the other side follows from it.
      const before = result.Attributes && decodeItem(result.Attributes);
      return { before: before ?? {}, after: changed(key, before, change) };
    },
    async delete(lookup, when) {
      const key = lookupKey(spec, lookup);
      if (never(when)) return false;
      const use = placeholders();
      const condition = conditionOf(use, when);
      const input = { TableName, Key: encodeItem(key), ...condition, ...use.maps() };
      return (await conditional(() => client.send(new DeleteItemCommand(input)))) !== null;
    },
    async list(by, { limit, cursor }) {
      const wanted = listing(spec, by);
      const start = cursor === undefined ? undefined : decodeCursor(spec, wanted, cursor);
      const found = await attempt('read', () =>
        client.send(
          new QueryCommand({
            TableName,
            IndexName: wanted.index,
            KeyConditionExpression: '#by = :value',
            ExpressionAttributeNames: { '#by': wanted.attribute },
            ExpressionAttributeValues: { ':value': { S: wanted.value } },
            ScanIndexForward: false,
            // One more than asked: whether there is a next page is then known, not guessed.
            Limit: limit + 1,
            ...(start && { ExclusiveStartKey: encodeItem(start) }),
          }),
        ),
      );
      const items = (found.Items ?? []).map(decodeItem);
      const page = items.slice(0, limit);
      const last = page.at(-1);
      const more = items.length > limit || found.LastEvaluatedKey !== undefined;
      return more && last
        ? { items: page, cursor: encodeCursor(positionOf(spec, wanted, last)) }
        : { items: page };
    },
  };
}

/** Every table of one node, called `<prefix><name>`. @throws {CustodyError} `storage_unavailable` */
export const dynamoTables = (client: DynamoDBClient, prefix: string): Tables => {
  const table = (name: TableName) => dynamoTable(client, prefix + name, tables[name]);
  return {
    registry: table('registry'),
    keys: table('keys'),
    shares: table('shares'),
    sessions: table('sessions'),
    operations: table('operations'),
    idempotency: table('idempotency'),
    resources: table('resources'),
    counters: table('counters'),
    audit: table('audit'),
    webhooks: table('webhooks'),
    tokens: table('tokens'),
    invitations: table('invitations'),
  };
};
