/**
 * Webhooks: where events are sent, and what came of it.
 * @module
 */
import type { Webhook, WebhookDelivery } from '../../client/webhooks.ts';
import { escapeText } from '../../shared/chains/display.ts';
import { type Command, idempotencyOption, integerOf, required, UsageError } from '../command.ts';
import { eventTypesOf } from '../event-types.ts';
import { collect, limitOption } from '../listing.ts';
import { lifeOf } from '../registry-options.ts';
import { fields, table } from '../text.ts';

const stateOf = ({ enabled, disabled, failing }: Webhook): string => {
  if (!enabled) return `off: ${disabled}`;
  return failing === undefined ? 'on' : `failing since ${failing.since}, next attempt ${failing.nextAttempt}`;
};

const shown = (webhook: Webhook): string =>
  fields({
    id: webhook.id,
    url: escapeText(webhook.url),
    name: escapeText(webhook.name),
    state: stateOf(webhook),
    types: webhook.types.length === 0 ? 'all' : webhook.types.join(', '),
    'public key': webhook.publicKey,
    ...Object.fromEntries(
      webhook.keys
        .slice(1)
        .map(({ publicKey, until = '' }, i) => [`old key ${i + 1}`, `${publicKey} until ${until}`]),
    ),
    cursor: webhook.cursor,
    created: webhook.created,
    'audit event': webhook.auditEventId,
  });

const deliveryHead = ['id', 'time', 'event', 'type', 'state', 'attempt', 'status', 'ms', 'next attempt'];
const deliveryRow = (delivery: WebhookDelivery): string[] =>
  [
    delivery.id,
    delivery.created,
    delivery.event,
    delivery.type,
    delivery.state,
    String(delivery.attempt),
    delivery.status === undefined ? (delivery.failure ?? '') : String(delivery.status),
    String(delivery.durationMs ?? ''),
    delivery.nextAttempt ?? '',
  ].map(escapeText);

const queued = (delivery: WebhookDelivery): string =>
  fields({ delivery: delivery.id, event: delivery.event, type: delivery.type, state: delivery.state });

const keyOf = (key: string | undefined) => (key === undefined ? {} : { idempotencyKey: key });

const settings = {
  name: { value: 'NAME', help: 'What people call it' },
  types: { value: 'TYPES', help: 'Only events of these types, between commas; all if absent' },
  cursor: { value: 'CURSOR', help: 'Begin after the event with this cursor; end: from now on' },
} as const;

const create: Command = {
  name: 'webhooks create',
  summary: 'Have events sent to a URL; prints the public key that receivers verify with',
  options: {
    url: {
      value: 'URL',
      help: 'https, port 443 or 8443; locally also http://127.0.0.1:PORT',
      required: true,
    },
    ...settings,
    ...idempotencyOption,
  },
  async run(context) {
    const { values } = context;
    const types = eventTypesOf(context);
    const made = await (await context.planbok()).webhooks.create({
      url: required(context, 'url'),
      ...(values['name'] !== undefined && { name: values['name'] }),
      ...(types && { types }),
      ...(values['cursor'] !== undefined && { cursor: values['cursor'] }),
      ...keyOf(values['idempotency-key']),
    });
    return { json: made, text: shown(made) };
  },
};

const list: Command = {
  name: 'webhooks list',
  summary: 'Webhooks, newest first',
  options: limitOption,
  async run(context) {
    const limit = integerOf(context, 'limit', 1, 100_000);
    const data = await collect((await context.planbok()).webhooks.list(), limit);
    const rows = data.map((one) => [one.id, stateOf(one), escapeText(one.name), escapeText(one.url)]);
    return { json: { data }, text: table(['id', 'state', 'name', 'url'], rows) };
  },
};

const show: Command = {
  name: 'webhooks show',
  summary: 'One webhook: its keys, and where its deliveries stand',
  positionals: ['ID'],
  async run({ planbok, positionals: [id = ''] }) {
    const found = await (await planbok()).webhooks.get(id);
    return { json: found, text: shown(found) };
  },
};

const update: Command = {
  name: 'webhooks update',
  summary: 'Change a webhook; switch it off, or on again',
  positionals: ['ID'],
  options: {
    url: { value: 'URL', help: 'Another URL' },
    ...settings,
    enable: { help: 'Go on where it stopped' },
    disable: { help: 'Send nothing until it is enabled' },
    ...idempotencyOption,
  },
  async run(context) {
    const { values, positionals } = context;
    const types = eventTypesOf(context);
    if (values['enable'] !== undefined && values['disable'] !== undefined)
      throw new UsageError('--enable or --disable, not both');
    const changes = {
      ...(values['url'] !== undefined && { url: values['url'] }),
      ...(values['name'] !== undefined && { name: values['name'] }),
      ...(types && { types }),
      ...(values['cursor'] !== undefined && { cursor: values['cursor'] }),
      ...(values['enable'] !== undefined && { enabled: true }),
      ...(values['disable'] !== undefined && { enabled: false }),
    };
    if (Object.keys(changes).length === 0) throw new UsageError('nothing to change');
    const [id = ''] = positionals;
    const key = keyOf(values['idempotency-key']);
    const changed = await (await context.planbok()).webhooks.update(id, { ...changes, ...key });
    return { json: changed, text: shown(changed) };
  },
};

const remove: Command = {
  name: 'webhooks delete',
  summary: 'Delete a webhook and its keys',
  positionals: ['ID'],
  options: idempotencyOption,
  async run({ planbok, values, positionals: [id = ''] }) {
    const gone = await (await planbok()).webhooks.delete(id, keyOf(values['idempotency-key']));
    return { json: gone, text: fields({ deleted: gone.id, 'audit event': gone.auditEventId }) };
  },
};

const test: Command = {
  name: 'webhooks test',
  summary: 'Send an event webhook.test, once; webhooks deliveries says what came of it',
  positionals: ['ID'],
  options: idempotencyOption,
  async run({ planbok, values, positionals: [id = ''] }) {
    const delivery = await (await planbok()).webhooks.test(id, keyOf(values['idempotency-key']));
    return { json: delivery, text: queued(delivery) };
  },
};

const deliveries: Command = {
  name: 'webhooks deliveries',
  summary: 'Attempts of the last 7 days, newest first',
  positionals: ['ID'],
  options: limitOption,
  async run(context) {
    const limit = integerOf(context, 'limit', 1, 100_000);
    const [id = ''] = context.positionals;
    const data = await collect((await context.planbok()).webhooks.deliveries(id), limit);
    return { json: { data }, text: table(deliveryHead, data.map(deliveryRow)) };
  },
};

const redeliver: Command = {
  name: 'webhooks redeliver',
  summary: 'Send an event once more, out of turn, under the same id',
  positionals: ['ID', 'DELIVERY'],
  options: idempotencyOption,
  async run({ planbok, values, positionals: [id = '', delivery = ''] }) {
    const key = keyOf(values['idempotency-key']);
    const again = await (await planbok()).webhooks.redeliver(id, delivery, key);
    return { json: again, text: queued(again) };
  },
};

const rotate: Command = {
  name: 'webhooks rotate',
  summary: 'Make a new key; the old one signs beside it for a while',
  positionals: ['ID'],
  options: {
    overlap: { value: 'TIME', help: 'How long, at most 7d; 1d if absent, 0h for not at all' },
    ...idempotencyOption,
  },
  async run(context) {
    const { values, positionals } = context;
    const [id = ''] = positionals;
    const overlapMs = lifeOf(context, 'overlap');
    const made = await (await context.planbok()).webhooks.rotate(id, {
      ...(overlapMs !== undefined && { overlapSeconds: Math.floor(overlapMs / 1_000) }),
      ...keyOf(values['idempotency-key']),
    });
    return { json: made, text: shown(made) };
  },
};

export const webhooksCommands: readonly Command[] = [
  create,
  list,
  show,
  update,
  test,
  deliveries,
  redeliver,
  rotate,
  remove,
];
