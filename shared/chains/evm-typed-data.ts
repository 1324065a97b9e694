/**
 * EIP-712: the JSON of `eth_signTypedData_v4`, checked field by field before viem hashes it. Every type is
 * known, every declared member present, none undeclared, every value in range; the domain holds the standard
 * members only. What passes has one reading.
 * @module
 */
import type { Hex } from 'viem';
import { hashTypedData, isAddress } from 'viem/utils';
import type { Bytes } from '../bytes.ts';
import { fromHex } from '../bytes.ts';
import { reading, undecodable } from './intent.ts';

export interface Field {
  readonly name: string;
  readonly type: string;
}
/** Values after the check: bigint, boolean, string, 0x hex, arrays and structs of these. */
export type TypedValue = bigint | boolean | string | readonly TypedValue[] | TypedStruct;
export interface TypedStruct {
  readonly [member: string]: TypedValue;
}

export interface TypedData {
  readonly domain: TypedStruct;
  readonly primaryType: string;
  readonly message: TypedStruct;
  readonly digest: Bytes;
}

/** The domain's members in the order of the EIP. */
const domainFields: readonly Field[] = [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
  { name: 'salt', type: 'bytes32' },
];

const identifier = /^[A-Za-z_$][A-Za-z0-9_$]*$/;
const integer = /^(u?)int([0-9]+)$/;
const fixedBytes = /^bytes([0-9]+)$/;
const array = /^(.+)\[([0-9]*)\]$/;
const maxDepth = 16;
/**
 * Hashing costs structs x length of their type's text: without limits, 200 kB of JSON keep a processor busy
 * for most of a minute.
 */
const maxFields = 256;
const maxStructs = 1000;

const isObject = (v: unknown): v is Record<string, unknown> =>
  typeof v === 'object' && v !== null && !Array.isArray(v);
const isName = (v: unknown): v is string =>
  typeof v === 'string' && v.length <= 64 && identifier.test(v) && !(v in Object.prototype);

function isAtomic(type: string): boolean {
  if (type === 'address' || type === 'bool' || type === 'string' || type === 'bytes') return true;
  const bits = integer.exec(type)?.[2];
  if (bits !== undefined) return !bits.startsWith('0') && Number(bits) % 8 === 0 && Number(bits) <= 256;
  const size = fixedBytes.exec(type)?.[1];
  return size !== undefined && !size.startsWith('0') && Number(size) <= 32;
}

type Types = Readonly<Record<string, readonly Field[]>>;
/** The types, and how many structs the data may still hold. */
interface Scope {
  readonly types: Types;
  readonly structs: { left: number };
}

function checkTypes(types: unknown): Types {
  if (!isObject(types)) throw undecodable('typedData.types is not an object');
  const out: Record<string, readonly Field[]> = {};
  for (const [name, fields] of Object.entries(types)) {
    if (!isName(name) || isAtomic(name)) throw undecodable('A struct has a name that is not allowed');
    if (!Array.isArray(fields)) throw undecodable('A struct is not a list of fields');
    const seen = new Set<string>();
    out[name] = fields.map((field: unknown) => {
      if (!isObject(field) || Object.keys(field).length !== 2)
        throw undecodable('A field is not {name, type}');
      const { name: member, type } = field;
      if (!isName(member) || typeof type !== 'string' || type.length > 256 || seen.has(member))
        throw undecodable('A field has a bad or repeated name');
      seen.add(member);
      return { name: member, type };
    });
  }
  const all = Object.values(out).flat();
  if (all.length > maxFields || Object.keys(out).length > maxFields)
    throw undecodable(`The types have more than ${maxFields} fields`);
  for (const { type } of all) checkReference(type, out);
  return out;
}

function checkReference(type: string, types: Types): void {
  const dimensions = array.exec(type);
  if (dimensions !== null) {
    if (dimensions[2]?.startsWith('0')) throw undecodable('A fixed array has a bad length');
    checkReference(dimensions[1] ?? '', types);
  } else if (!isAtomic(type) && (type === 'EIP712Domain' || !Object.hasOwn(types, type)))
    throw undecodable('A field has an unknown type');
}

function integerValue(value: unknown, signed: boolean, bits: number): bigint {
  let n: bigint;
  if (typeof value === 'number' && Number.isSafeInteger(value)) n = BigInt(value);
  else if (typeof value === 'string' && value.length <= 80 && /^(?:-?[0-9]+|0x[0-9a-fA-F]+)$/.test(value))
    n = BigInt(value);
  else throw undecodable('An integer is not a safe JSON number, a decimal string or 0x hex');
  const [low, high] = signed
    ? [-(1n << BigInt(bits - 1)), (1n << BigInt(bits - 1)) - 1n]
    : [0n, (1n << BigInt(bits)) - 1n];
  if (n < low || n > high) throw undecodable('An integer does not fit its type');
  return n;
}

function hexValue(value: unknown, bytes?: number): Hex {
  if (typeof value !== 'string' || !/^0x(?:[0-9a-fA-F]{2})*$/.test(value))
    throw undecodable('A byte string is not 0x hex');
  if (bytes !== undefined && value.length !== 2 + 2 * bytes)
    throw undecodable('A byte string does not fit its type');
  return value.toLowerCase() as Hex;
}

function checkValue(type: string, value: unknown, scope: Scope, depth: number): TypedValue {
  if (depth > maxDepth) throw undecodable('The typed data is nested too deeply');
  const dimensions = array.exec(type);
  if (dimensions !== null) {
    const [, item = '', length = ''] = dimensions;
    if (!Array.isArray(value) || (length !== '' && value.length !== Number(length)))
      throw undecodable('An array is missing or has the wrong length');
    return value.map((v: unknown) => checkValue(item, v, scope, depth + 1));
  }
  const number = integer.exec(type);
  if (number !== null) return integerValue(value, number[1] === '', Number(number[2]));
  const sized = fixedBytes.exec(type);
  if (sized !== null) return hexValue(value, Number(sized[1]));
  switch (type) {
    case 'bytes':
      return hexValue(value);
    case 'bool':
      if (typeof value !== 'boolean') throw undecodable('A bool is not true or false');
      return value;
    case 'address': {
      const hex = hexValue(value, 20);
      if (typeof value !== 'string' || (value !== value.toLowerCase() && !isAddress(value)))
        throw undecodable('An address has a wrong checksum (EIP-55)');
      return hex;
    }
    case 'string':
      if (typeof value !== 'string' || /[\ud800-\udfff]/u.test(value))
        throw undecodable('A string is missing or not Unicode');
      return value;
    default:
      return checkStruct(scope.types[type] ?? [], value, scope, depth + 1);
  }
}

function checkStruct(fields: readonly Field[], value: unknown, scope: Scope, depth = 0): TypedStruct {
  if (--scope.structs.left < 0) throw undecodable(`The typed data hold more than ${maxStructs} structs`);
  if (!isObject(value)) throw undecodable('A struct is missing');
  const out: Record<string, TypedValue> = {};
  for (const { name, type } of fields) {
    if (!Object.hasOwn(value, name)) throw undecodable('A struct lacks a declared member');
    out[name] = checkValue(type, value[name], scope, depth);
  }
  if (Object.keys(value).length !== fields.length) throw undecodable('A struct has an undeclared member');
  return out;
}

/** The declared domain type, or the one that the members present make. */
function domainType(
  declared: readonly Field[] | undefined,
  domain: Record<string, unknown>,
): readonly Field[] {
  const present = domainFields.filter(({ name }) => Object.hasOwn(domain, name));
  if (declared === undefined) return present;
  // Order counts in the type's hash; some contracts declare another order than the EIP's.
  const standard = declared.every(({ name, type }) =>
    domainFields.some((field) => field.name === name && field.type === type),
  );
  if (!standard) throw undecodable('EIP712Domain has a member that is not standard');
  return declared;
}

/** @throws {CustodyError} `payload_undecodable` */
export function parseTypedData(input: unknown): TypedData {
  if (!isObject(input)) throw undecodable('typedData is not an object');
  const { types: rawTypes, domain: rawDomain, primaryType, message: rawMessage, ...rest } = input;
  if (Object.keys(rest).length > 0) throw undecodable('typedData has an unknown member');
  if (!isObject(rawDomain)) throw undecodable('typedData.domain is not an object');
  const types = checkTypes(rawTypes);
  if (typeof primaryType !== 'string' || primaryType === 'EIP712Domain' || !Object.hasOwn(types, primaryType))
    throw undecodable('typedData.primaryType is not one of the types');
  const EIP712Domain = domainType(types['EIP712Domain'], rawDomain);
  const scope = { types, structs: { left: maxStructs } };
  const domain = checkStruct(EIP712Domain, rawDomain, scope);
  const message = checkStruct(types[primaryType] ?? [], rawMessage, scope);
  const digest = reading('The typed data cannot be hashed', () =>
    hashTypedData({ domain, types: { ...types, EIP712Domain }, primaryType, message } as Parameters<
      typeof hashTypedData
    >[0]),
  );
  return { domain, primaryType, message, digest: fromHex(digest.slice(2)) };
}
