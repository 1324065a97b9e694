/**
 * The part of S3 that write-once files need, as AWS documents it: versions, `If-None-Match: *` (412; 409 while
 * another write is under way), checksums, Object Lock in COMPLIANCE mode, deletes that put a marker. Not S3: it
 * knows no signatures and no policies.
 * @module
 */
import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface Version {
  readonly id: string;
  /** Absent: a delete marker. */
  bytes?: Buffer;
  readonly checksum?: string;
  readonly mode?: string;
  readonly until?: Date;
}

export interface FakeS3 {
  readonly endpoint: string;
  readonly versions: Map<string, Version[]>;
  /** What every request was, in order: method and operation. */
  readonly asked: string[];
  /** `empty`: there is a configuration, and it enables nothing. */
  objectLock: boolean | 'empty';
  /** Answers the next requests of a kind with an error instead. */
  readonly failures: {
    readonly method: string;
    readonly status: number;
    readonly code: string;
    readonly after?: boolean;
  }[];
  close(): Promise<void>;
}

const xml = (response: ServerResponse, status: number, body: string): void =>
  void response.writeHead(status, { 'content-type': 'application/xml' }).end(`<?xml version="1.0"?>${body}`);
const refuse = (response: ServerResponse, status: number, code: string): void =>
  xml(response, status, `<Error><Code>${code}</Code><Message>${code}</Message></Error>`);

export async function fakeS3(now: () => number = Date.now): Promise<FakeS3> {
  const versions: FakeS3['versions'] = new Map();
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://s3');
    const [, , ...path] = decodeURIComponent(pathname).split('/');
    const key = path.join('/');
    const body = await buffer(request);
    const method = request.method ?? '';
    self.asked.push(searchParams.has('object-lock') ? `${method} object-lock` : method);
    const failure = self.failures.find((one) => one.method === method);
    if (failure !== undefined) self.failures.splice(self.failures.indexOf(failure), 1);
    if (failure !== undefined && !failure.after) return refuse(response, failure.status, failure.code);
    const known = versions.get(key) ?? [];
    const newest = known.at(-1);
    if (method === 'GET' && searchParams.has('object-lock')) {
      if (!self.objectLock) return refuse(response, 404, 'ObjectLockConfigurationNotFoundError');
      const enabled = self.objectLock === 'empty' ? '' : '<ObjectLockEnabled>Enabled</ObjectLockEnabled>';
      return xml(response, 200, `<ObjectLockConfiguration>${enabled}</ObjectLockConfiguration>`);
    }
    if (method === 'PUT') {
      if (request.headers['if-none-match'] === '*' && newest?.bytes !== undefined)
        return refuse(response, 412, 'PreconditionFailed');
      const checksum = createHash('sha256').update(body).digest('base64');
      if (request.headers['x-amz-checksum-sha256'] !== checksum) return refuse(response, 400, 'BadDigest');
      const mode = request.headers['x-amz-object-lock-mode'] as string | undefined;
      const until = request.headers['x-amz-object-lock-retain-until-date'] as string | undefined;
      if ((mode === undefined) !== (until === undefined)) return refuse(response, 400, 'InvalidArgument');
      const id = `v${known.length + 1}`;
      versions.set(key, [
        ...known,
        { id, bytes: body, checksum, ...(mode && until && { mode, until: new Date(until) }) },
      ]);
      if (failure !== undefined) return refuse(response, failure.status, failure.code);
      return void response
        .writeHead(200, { 'x-amz-version-id': id, 'x-amz-checksum-sha256': checksum })
        .end();
    }
    if (method === 'GET') {
      if (newest?.bytes === undefined) return refuse(response, 404, 'NoSuchKey');
      const { bytes, checksum = '' } = newest;
      return void response
        .writeHead(200, { 'x-amz-checksum-sha256': checksum, 'content-length': bytes.length })
        .end(bytes);
    }
    if (method === 'DELETE') {
      const named = searchParams.get('versionId');
      const version = known.find(({ id }) => id === named);
      if (version?.mode === 'COMPLIANCE' && (version.until?.getTime() ?? 0) > now())
        return refuse(response, 403, 'AccessDenied');
      versions.set(
        key,
        named === null ? [...known, { id: `v${known.length + 1}` }] : known.filter((one) => one !== version),
      );
      return void response.writeHead(204).end();
    }
    refuse(response, 501, 'NotImplemented');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const self: FakeS3 = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    versions,
    asked: [],
    objectLock: true,
    failures: [],
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
  return self;
}
