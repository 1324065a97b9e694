/**
 * The WebAssembly implementation of the bulk arithmetic: what the nodes run. Calls are synchronous; inputs are
 * copied in, results copied out, and the memory is cleared before a call returns.
 * @module
 */
import { type Bytes, lengthPrefixed, u8, u16be, utf8 } from '../../bytes.ts';
import { type Arithmetic, LAMBDA_C, ROW_BYTES, type RowContext, WIDTH, XI } from '../arithmetic.ts';
import type { Scalar } from '../secp256k1.ts';
import { type Tag, tags } from '../tags.ts';
import { wasm } from './kernel.wasm.ts';

// The compiler's library for Node has no WebAssembly; this is the part of it that is used here.
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

/** The functions of `assembly/index.ts`: every argument is an address, or a count. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly add: (to: number, a: number, b: number) => void;
  readonly sub: (to: number, a: number, b: number) => void;
  readonly mul: (to: number, a: number, b: number) => void;
  readonly inverse: (to: number, a: number) => void;
  readonly reduceBlocks: (to: number, from: number, count: number, extra: bigint) => void;
  readonly sumSelected: (to: number, numbers: number, bits: number) => void;
  readonly maskRows: (to: number, alpha0: number, alpha1: number, inputs: number) => void;
  readonly openRows: (to: number, gamma: number, bits: number, masked: number) => void;
  readonly foldRows: (...addresses: number[]) => void;
  readonly transpose: (to: number, from: number) => void;
  readonly combine: (to: number, matrix: number, columns: number) => void;
  readonly shakeRows: (...args: number[]) => void;
}

/** Constants stand below, working memory from here up to `ARENA`, then inputs and outputs. */
export const WORKING = 4096;
const ARENA = 8192;

const module = new WebAssembly.Module(Buffer.from(wasm, 'base64'));

/** One padded SHAKE256 block, and where in it the fields stand that differ from row to row. */
interface RowTemplate {
  readonly block: Bytes;
  readonly numberAt: number;
  readonly fieldAt: number;
  readonly fieldLength: number;
  /** 0 if there is none. */
  readonly bitAt: number;
}

const RATE = 136;

/** @param fields in the order of the formula; `row number`, `secret` and `bit` say which one varies */
function template(
  tag: Tag,
  fields: readonly (Bytes | 'number' | 'bit' | { readonly secret: number })[],
): RowTemplate {
  const at = { number: 0, secret: 0, bit: 0 };
  let fieldLength = 0;
  let end = 8 + tag.length;
  const parts = fields.map((field) => {
    end += 8;
    const part =
      field === 'number'
        ? u16be(0)
        : field === 'bit'
          ? u8(0)
          : 'secret' in field
            ? new Uint8Array(field.secret)
            : field;
    if (field === 'number') at.number = end;
    else if (field === 'bit') at.bit = end;
    else if ('secret' in field) {
      at.secret = end;
      fieldLength = field.secret;
    }
    end += part.length;
    return part;
  });
  if (end >= RATE) throw new RangeError('a row must fit into one block');
  const block = new Uint8Array(RATE);
  block.set(lengthPrefixed(utf8(tag), ...parts));
  // FIPS 202: the suffix of SHAKE, and the last bit of the padding.
  block[end] = 0x1f;
  block[RATE - 1] = 0x80;
  return { block, numberAt: at.number, fieldAt: at.secret, fieldLength, bitAt: at.bit };
}

function expectLength(name: string, b: Bytes, length: number): void {
  if (b.length !== length) throw new RangeError(`${name} must have ${length} bytes`);
}

/** A kernel with a memory of its own. One per isolate is enough; tests make more. */
export function createKernel(): { readonly arithmetic: Arithmetic; readonly memory: Uint8Array } {
  const exports = new WebAssembly.Instance(module, {
    env: {
      abort: () => {
        throw new Error('kernel aborted');
      },
    },
  }).exports as Exports;
  const memory = new Uint8Array(exports.memory.buffer);

  /** Runs one operation on copies of the inputs, and clears all that it touched. */
  function run(
    inputs: readonly Bytes[],
    outputLength: number,
    operation: (to: number, ...at: number[]) => void,
  ): Bytes {
    const to = ARENA;
    let end = to + Math.ceil(outputLength / 16) * 16;
    try {
      const at = inputs.map((input) => {
        const start = end;
        memory.set(input, start);
        end = start + Math.ceil(input.length / 16) * 16;
        return start;
      });
      operation(to, ...at);
      return memory.slice(to, to + outputLength);
    } finally {
      memory.fill(0, WORKING, end);
    }
  }

  /** The same for scalars, without the generality: a signature needs some hundred of them. */
  function scalar(operation: (to: number, a: number, b: number) => void, a: Scalar, b: Scalar = a): Scalar {
    expectLength('a scalar', a, 32);
    expectLength('a scalar', b, 32);
    try {
      memory.set(a, ARENA + 32);
      memory.set(b, ARENA + 64);
      operation(ARENA, ARENA + 32, ARENA + 64);
      // Sound: the kernel's results are reduced mod q.
      return memory.slice(ARENA, ARENA + 32) as Scalar;
    } finally {
      memory.fill(0, WORKING, ARENA + 96);
    }
  }

  function rows(
    { block, numberAt, fieldAt, fieldLength, bitAt }: RowTemplate,
    fields: Bytes,
    bits: Bytes,
    length: number,
  ): Bytes {
    const count = fields.length / fieldLength;
    if (count % 2 !== 0) throw new RangeError('rows come in pairs');
    return run([block, fields, bits], count * length, (to, blockAt, fieldsAt, bitsAt) =>
      exports.shakeRows(
        to,
        blockAt as number,
        count,
        length,
        numberAt,
        fieldsAt as number,
        fieldAt,
        fieldLength,
        bitAt,
        bitsAt as number,
      ),
    );
  }

  const arithmetic: Arithmetic = {
    add: (a, b) => scalar(exports.add, a, b),
    sub: (a, b) => scalar(exports.sub, a, b),
    mul: (a, b) => scalar(exports.mul, a, b),
    inverse: (a) => scalar(exports.inverse, a),
    reduce(wide) {
      const count = wide.length / 48;
      return run([wide], 32 * count, (to, from) => exports.reduceBlocks(to, from as number, count, 0n));
    },
    reduceNonZero(wide) {
      expectLength('wide', wide, 48);
      return run([wide], 32, (to, from) => exports.reduceBlocks(to, from as number, 1, 1n)) as Scalar;
    },
    generatorRows: ({ id, direction }: RowContext, seeds, bits) => {
      const fields = [{ secret: 32 }, id, u8(direction), 'number', 'bit'] as const;
      return rows(template(tags.otePrg, fields), seeds, bits, ROW_BYTES);
    },
    pads: ({ id, direction }, columns) => {
      const fields = [id, u8(direction), 'number', { secret: 16 }] as const;
      return rows(template(tags.otePad, fields), columns, new Uint8Array(0), 32 * WIDTH);
    },
    transpose(input) {
      expectLength('rows', input, LAMBDA_C * ROW_BYTES);
      return run([input], input.length, exports.transpose as never);
    },
    combine(matrix, columns) {
      expectLength('matrix', matrix, (LAMBDA_C * XI) / 8);
      expectLength('columns', columns, LAMBDA_C * ROW_BYTES);
      return run([matrix, columns], 16 * LAMBDA_C, exports.combine as never);
    },
    sumSelected(gadget, beta) {
      expectLength('gadget', gadget, 32 * XI);
      expectLength('beta', beta, XI / 8);
      return run([gadget, beta], 32, exports.sumSelected as never) as Scalar;
    },
    maskRows(alpha0, alpha1, a) {
      expectLength('alpha0', alpha0, 32 * WIDTH * XI);
      expectLength('alpha1', alpha1, 32 * WIDTH * XI);
      expectLength('a', a, 32 * WIDTH);
      return run([alpha0, alpha1, a], alpha0.length, exports.maskRows as never);
    },
    openRows(gamma, beta, masked) {
      expectLength('gamma', gamma, 32 * WIDTH * XI);
      expectLength('beta', beta, XI / 8);
      expectLength('masked', masked, 32 * WIDTH * XI);
      return run([gamma, beta, masked], gamma.length, exports.openRows as never);
    },
    foldRows({ rows: input, theta, gadget, beta, eta }) {
      expectLength('rows', input, 32 * WIDTH * XI);
      expectLength('theta', theta, 128);
      expectLength('gadget', gadget, 32 * XI);
      expectLength('beta', beta, XI / 8);
      expectLength('eta', eta, 64);
      const checkLength = 64 * XI;
      const out = run([input, theta, gadget, beta, eta], checkLength + 64, (to, ...at) =>
        exports.foldRows(to, to + checkLength, ...at),
      );
      const result = { check: out.slice(0, checkLength), sums: out.slice(checkLength) };
      out.fill(0);
      return result;
    },
  };
  return { arithmetic, memory };
}

/** The kernel of this process. */
export const kernel: Arithmetic = createKernel().arithmetic;
